"""Inputs to be embedded."""

from __future__ import annotations

from typing import Any

from llmlb_core import EmbeddingRequest
from llmlb_core.errors import UnsupportedParameter


def embedding_body(request: EmbeddingRequest, path: str) -> dict[str, Any]:
    """Return the body for *request*; *path* is the model's resource name.

    Raises:
        UnsupportedParameter: An input is token ids: those of another tokenizer, if of any.
    """
    size = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
    requests = []
    for index, text in enumerate(request.inputs):
        if not isinstance(text, str):
            raise UnsupportedParameter(
                f"Input {index} is token ids; the Gemini API embeds text only: send the text itself.", param="input"
            )
        requests.append({"model": path, "content": {"parts": [{"text": text}]}, **size})
    return {"requests": requests}
