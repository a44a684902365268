"""Server-sent events, and the one document that they would have been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmlb_storage_history.bodies.chat_stream import reassemble_chat
from llmlb_storage_history.bodies.message_stream import KINDS, reassemble_message
from llmlb_storage_history.bodies.response_stream import reassemble_response


def document_of_stream(stream: bytes, load: Callable[[bytes], Any]) -> object:
    """Return what the events of *stream* amount to; None where it has none.

    What no dialect here knows is returned as ``{"object": "stream", "events": […]}``.

    Args:
        stream: From its beginning; an event that was cut at its end is left out.
        load: Reads JSON.
    """
    events = events_of(stream, load)
    if not events:
        return None
    known = [event for event in events if isinstance(event, dict)]
    if any("choices" in event for event in known):
        return reassemble_chat(known)
    if any(str(event.get("type", "")).startswith("response.") for event in known):
        return reassemble_response(known)
    if any(event.get("type") in KINDS for event in known if isinstance(event.get("type"), str)):
        return reassemble_message(known)
    if len(events) == 1 and known and "error" in known[0]:
        return known[0]
    return {"object": "stream", "events": events}


def events_of(stream: bytes, load: Callable[[bytes], Any]) -> list[Any]:
    """Return the data of the events of *stream*, read where it is JSON; comments and ``[DONE]`` are none."""
    events = []
    for block in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if not data or data == b"[DONE]":
            continue
        try:
            events.append(load(data))
        except ValueError:
            continue  # the event at which the stream was cut
    return events
