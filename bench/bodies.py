"""The requests that are posted, of known size."""

from __future__ import annotations

import json
from typing import Any

SMALL_BYTES = 928
LARGE_BYTES = 66_000
_SENTENCE = "The keeper of the lighthouse writes down the weather, the ships that pass and what the sea brought. "


def call_body(size: int) -> bytes:
    """Return a chat completion request of exactly *size* bytes; its last message is as long as it takes.

    Raises:
        ValueError: *size* is too small for a request.
    """
    return _sized(size, {"model": "fake-model", "stream": False, "temperature": 0.7, "max_tokens": 256})


def stream_body(size: int = SMALL_BYTES) -> bytes:
    """Return the same as a stream with usage at its end."""
    return _sized(size, {"model": "fake-model", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 256})


def _sized(size: int, head: dict[str, Any]) -> bytes:
    def body(text: str) -> bytes:
        system = {"role": "system", "content": "You are a keeper's log. Answer briefly."}
        return json.dumps({**head, "messages": [system, {"role": "user", "content": text}]}).encode()

    room = size - len(body(""))
    if room < 1:
        raise ValueError(f"a request of {size} bytes has no room for a message; the least is {size - room + 1}")
    return body((_SENTENCE * (room // len(_SENTENCE) + 1))[:room])
