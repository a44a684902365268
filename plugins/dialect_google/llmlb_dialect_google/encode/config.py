"""``generationConfig``: how tokens are drawn, what the answer looks like."""

from __future__ import annotations

from typing import Any

from llmlb_core import ChatRequest, ImagePart
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_google.encode.text import spliced
from llmlb_dialect_google.encode.thinking import thinking_config

MOST_STOPS = 5
_INT31 = 2**31 - 1


def generation_config(request: ChatRequest, model: str) -> dict[str, Any]:
    """Return what of *request* is a setting; empty where it has none.

    Raises:
        UnsupportedParameter: There are more stop strings than the API takes.
    """
    sampling = request.sampling
    if len(request.stop) > MOST_STOPS:
        raise UnsupportedParameter(
            f"There are {len(request.stop)} stop strings; the Gemini API takes at most {MOST_STOPS}.", param="stop"
        )
    config: dict[str, Any] = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "maxOutputTokens": sampling.max_tokens,
        "presencePenalty": sampling.presence_penalty or None,
        "frequencyPenalty": sampling.frequency_penalty or None,
        # 32 bits there; a seed that is longer still is the same one every time.
        "seed": None if sampling.seed is None else sampling.seed % (_INT31 + 1) if abs(sampling.seed) > _INT31 else sampling.seed,
        "stopSequences": list(request.stop) or None,
        "candidateCount": request.n if request.n > 1 else None,
        "responseLogprobs": request.logprobs or None,
        "logprobs": request.top_logprobs or None if request.logprobs else None,
        "thinkingConfig": thinking_config(request, model),
        "mediaResolution": _resolution(request),
        **_format(request),
    }
    return {name: value for name, value in config.items() if value is not None}


def _format(request: ChatRequest) -> dict[str, Any]:
    wanted = request.response_format
    if wanted.type == "text":
        return {}
    if wanted.type == "json_object" or wanted.schema_json is None:
        return {"responseMimeType": "application/json"}
    return {"responseMimeType": "application/json", "responseJsonSchema": spliced(wanted.schema_json)}


def _resolution(request: ChatRequest) -> str | None:
    """Return the one resolution that holds for a whole request, where all its images ask for the same."""
    wanted = {part.detail for message in request.messages for part in message.parts if isinstance(part, ImagePart)}
    if len(wanted) != 1:
        return None
    return {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}.get(wanted.pop())
