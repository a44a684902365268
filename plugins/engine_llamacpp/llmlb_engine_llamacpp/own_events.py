"""Events of llama.cpp's own completion route, as those of the route that is like OpenAI's."""

from __future__ import annotations

from typing import Any

import msgspec

_FINISH = {"limit": "length"}


class _OwnEvent(msgspec.Struct):
    content: str = ""
    stop: bool = False
    stop_type: str = ""
    tokens_predicted: int = 0
    tokens_evaluated: int = 0
    tokens_cached: int = 0
    timings: Any = msgspec.UNSET
    prompt_progress: Any = msgspec.UNSET
    completion_probabilities: list[Any] | None = None
    error: Any = msgspec.UNSET


def as_completion(data: bytes) -> bytes:
    """Return the event *data* as ``EventReader`` reads it; what cannot be read stays as it is, for that one to complain of."""
    try:
        event = msgspec.json.decode(data, type=_OwnEvent)
    except msgspec.MsgspecError:
        return data
    if event.error is not msgspec.UNSET:
        return data
    choice: dict[str, Any] = {"text": event.content}
    if event.completion_probabilities is not None:
        choice["logprobs"] = {"content": event.completion_probabilities}
    completion: dict[str, Any] = {"choices": [choice], "timings": event.timings}
    if event.prompt_progress is not msgspec.UNSET:
        completion["prompt_progress"] = event.prompt_progress
    if event.stop:
        choice["finish_reason"] = _FINISH.get(event.stop_type, "stop")
        completion["usage"] = {"completion_tokens": event.tokens_predicted, "prompt_tokens": event.tokens_evaluated}
    return msgspec.json.encode({name: value for name, value in completion.items() if value is not msgspec.UNSET})
