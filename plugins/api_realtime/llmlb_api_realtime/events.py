"""Events of the server, as clients get them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from llmlb_api_realtime.problems import error_members
from llmlb_core import new_id
from llmlb_core.errors import CallError

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def event(kind: str, **members: object) -> str:
    """Return the event *kind*."""
    return orjson.dumps({"type": kind, "event_id": new_id("event"), **members}).decode()


def error_event(error: CallError, event_id: str | None = None) -> str:
    """Return the event of *error*; *event_id* is of the client's event that it answers."""
    return event("error", error={**error_members(error), "event_id": event_id})


def item_event(item_id: str, previous_item_id: str | None, *, is_beta: bool) -> str:
    """Return the event of an utterance that became an item."""
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    kind = "conversation.item.created" if is_beta else "conversation.item.added"
    return event(kind, previous_item_id=previous_item_id, item=item)


def delta_event(item_id: str, delta: str) -> str:
    """Return the event of the next piece of a transcript."""
    return event(f"{TRANSCRIPTION}.delta", item_id=item_id, content_index=0, delta=delta)


def completed_event(item_id: str, transcript: str, usage: Mapping[str, object]) -> str:
    """Return the event of a whole transcript."""
    return event(f"{TRANSCRIPTION}.completed", item_id=item_id, content_index=0, transcript=transcript, usage=usage)


def failed_event(item_id: str, error: CallError) -> str:
    """Return the event of an utterance that was not written down."""
    return event(f"{TRANSCRIPTION}.failed", item_id=item_id, content_index=0, error=error_members(error))
