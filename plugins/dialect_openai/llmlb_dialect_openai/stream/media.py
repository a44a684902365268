"""Streams of transcripts, speech and pictures: typed events, the last of which says that all is there."""

from __future__ import annotations

from typing import Any

import msgspec

from llmlb_core import Fault, Operation, StreamReader, split_events, told_usage
from llmlb_dialect_openai.text import dumps

MEDIA = frozenset({
    Operation.SPEECH, Operation.TRANSCRIPTION, Operation.TRANSLATION,
    Operation.IMAGE, Operation.IMAGE_EDIT, Operation.IMAGE_VARIATION,
})  # fmt: skip
_LAST = frozenset({"transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed"})


class _Event(msgspec.Struct):
    """What matters of an event; sound and pictures are skipped without being built."""

    type: Any = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Event).decode


class MediaReader(StreamReader):
    """Reads typed events, and the chunks with ``[DONE]`` that some servers send instead. No such stream is replayed."""

    is_comparable = False

    def __init__(self, count: int) -> None:
        """Expect *count* last events, one for each picture."""
        super().__init__()
        self._missing = count

    def read(self, events: bytes) -> bytes:
        """Take whole *events*; return what of them may be passed on."""
        passed: list[bytes] = []
        for event, data in split_events(events):
            if self.fault is not None:
                break
            if data is None or self.is_finished:
                passed.append(event)
            elif data == b"[DONE]":
                passed.append(self._done(event))
            elif data:
                passed.append(self._event(event, data))
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def ends(self, *, is_certain: bool) -> bool:
        """Trust HTTP where some server gives fewer pictures than it was asked for, or names its events otherwise."""
        return self.is_finished or (is_certain and self.has_content)

    def _done(self, event: bytes) -> bytes:
        if not self.has_content:
            self._fail(Fault("its stream ended without content", "bad_gateway"))
            return b""
        self.is_finished, self.is_flowing = True, False
        return event

    def _event(self, event: bytes, data: bytes) -> bytes:
        try:
            told = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._fail(Fault("an event of its stream is no JSON object"))
            return b""
        self.usage = told_usage(told.usage) or self.usage
        if told.type == "error" or told.error:
            error = dumps({"error": told.error}) if told.error else data
            self._fail(Fault("it reported an error within its stream", "upstream_error", error, last_words=event))
            return b""
        self.has_content = True
        if isinstance(told.type, str) and told.type in _LAST:
            self._missing -= 1
            if self._missing <= 0:
                self.is_finished, self.is_flowing = True, False
        return event

    def _fail(self, fault: Fault) -> None:
        self.fault, self.is_flowing = fault, False
