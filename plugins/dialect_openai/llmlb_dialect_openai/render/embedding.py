"""Embeddings: numbers, or base64 of little-endian ``float32``."""

from __future__ import annotations

import base64
import sys
from array import array

from llmlb_core import Call, Renderer, Result, Vectors
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.parts import JSON
from llmlb_dialect_openai.render.views import wants_base64
from llmlb_dialect_openai.text import dumps


class EmbeddingAnswer(Renderer):
    """Writes one object when the vectors have come."""

    content_type = JSON

    def __init__(self, call: Call, model: str) -> None:
        """Remember who answers, and in which form."""
        self._model = model
        self._is_base64 = wants_base64(call.body)
        self._vectors: Vectors | None = None

    def feed(self, result: Result) -> bytes:
        """Take the vectors."""
        if not isinstance(result, Vectors):
            raise EngineFailed("The model answered with text where vectors were asked for; see the plugin that serves it.")
        self._vectors = result
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: No vectors came.
        """
        vectors = self._vectors
        if vectors is None:
            raise EngineFailed("The answer ended before any vector came; try the call again.")
        encode = _base64 if self._is_base64 else _numbers
        return dumps(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": index, "embedding": encode(vectors.row(index))}
                    for index in range(vectors.count)
                ],
                "model": self._model,
                "usage": {"prompt_tokens": vectors.usage.prompt_tokens, "total_tokens": vectors.usage.prompt_tokens},
            }
        )

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)


def _base64(row: bytes) -> str:
    """Return a row as the SDK asks for it by default."""
    return base64.b64encode(row).decode()


def _numbers(row: bytes) -> list[float]:
    """Return a row as numbers."""
    values = array("f", row)
    if sys.byteorder != "little":
        values.byteswap()
    return values.tolist()
