"""A streamed message, as the plain answer that says the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

KINDS = frozenset({"message_start", "content_block_start", "content_block_delta", "message_delta"})
"""Events by which such a stream is known."""
_PIECES = ("text", "thinking", "signature", "partial_json")


def reassemble_message(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the message of *events*; of a stream that was cut, as far as it came."""
    message: dict[str, Any] = {"type": "message", "content": []}
    blocks: dict[int, tuple[dict[str, Any], dict[str, list[str]]]] = {}
    error: object = None
    for event in events:
        kind, delta = event.get("type"), event.get("delta")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            message |= event["message"]
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            blocks[_index(event)] = dict(event["content_block"]), {}
        elif kind == "content_block_delta" and isinstance(delta, dict):
            _, pieces = blocks.setdefault(_index(event), ({"type": "text"}, {}))
            for name in _PIECES:
                if isinstance(delta.get(name), str):
                    pieces.setdefault(name, []).append(delta[name])
        elif kind == "message_delta":
            message |= delta if isinstance(delta, dict) else {}
            usage = event.get("usage")
            if isinstance(usage, dict):
                message["usage"] = {**(message.get("usage") or {}), **usage}
        elif "error" in event:
            error = event["error"]
    message["content"] = [_whole(*blocks[index]) for index in sorted(blocks)]
    return message if error is None else {**message, "error": error}


def _whole(block: dict[str, Any], pieces: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return *block* with its pieces joined; arguments that were cut stay text."""
    joined = {name: "".join(each) for name, each in pieces.items()}
    arguments = joined.pop("partial_json", "")
    for name, text in joined.items():
        block[name] = str(block.get(name) or "") + text
    if arguments:
        try:
            block["input"] = json.loads(arguments)
        except (ValueError, RecursionError):
            block["input"] = arguments
    return block


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
