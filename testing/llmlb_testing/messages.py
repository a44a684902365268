"""What an OpenAI-compatible server sends, as bytes: heads, chunks, events, documents."""

from __future__ import annotations

import json
from typing import Any


def plain(body: object, status: int = 200, *lines: str, reason: str = "Any") -> bytes:
    """Return a whole answer of known length; *body* is bytes, or becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} {reason}", f"content-length: {len(data)}", *lines]
    if not any(line.lower().startswith("content-type:") for line in lines):
        head.append("content-type: application/json")
    return "\r\n".join([*head, "", ""]).encode() + data


def sse_head(*lines: str) -> bytes:
    """Return the head of a chunked stream of events."""
    return "\r\n".join(
        ["HTTP/1.1 200 OK", "content-type: text/event-stream", "transfer-encoding: chunked", *lines, "", ""]
    ).encode()


def chunk(data: bytes) -> bytes:
    """Return one chunk; of nothing, the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(text: str, **members: object) -> bytes:
    """Return one event of a chat stream."""
    document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **members}
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}], **document}).encode() + b"\n\n"


def completion(text: str = "hello", **members: object) -> dict[str, Any]:
    """Return a plain chat answer."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, **members}


def finish(reason: str = "stop", **members: object) -> bytes:
    """Return the event that finishes the first choice of a chat stream."""
    document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **members}
    choices = [{"index": 0, "delta": {}, "finish_reason": reason}]
    return b"data: " + json.dumps({"choices": choices, **document}).encode() + b"\n\n"


END_MARK = b"data: [DONE]\n\n"
DONE = finish() + END_MARK
"""How a chat stream ends: its finish reason, then the mark."""
