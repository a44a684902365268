"""Streams of the Responses API: typed events; the last one holds the whole response."""

from __future__ import annotations

from llmlb_core import Fault, StreamReader, split_events, told_usage
from llmlb_dialect_openai.text import dumps, loads

_LAST = frozenset({"response.completed", "response.incomplete"})
_NO_CONTENT = frozenset({"response.created", "response.queued", "response.in_progress"})


class ResponseReader(StreamReader):
    """Reads typed events. A response that broke is not resumed: its items have ids that the client has seen."""

    is_comparable = False

    def read(self, events: bytes) -> bytes:
        """Take whole *events*; return what of them may be passed on."""
        passed: list[bytes] = []
        for event, data in split_events(events):
            if self.fault is not None:
                break
            if data is None or self.is_finished:
                passed.append(event)
            elif data:
                passed.append(self._event(event, data))
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def _event(self, event: bytes, data: bytes) -> bytes:
        try:
            document = loads(data)
        except (ValueError, RecursionError):
            self.fault, self.is_flowing = Fault("an event of its stream is no JSON object"), False
            return b""
        kind, response = document.get("type"), document.get("response")
        if not isinstance(kind, str):
            kind = None
        if isinstance(response, dict):
            self.usage = told_usage(response.get("usage")) or self.usage
        if kind in ("error", "response.failed") or (kind is None and document.get("error")):
            error = response.get("error") if isinstance(response, dict) else document.get("error", document)
            told = dumps({"error": error})
            self.fault = Fault("it reported an error within its stream", "upstream_error", told, last_words=event)
            self.is_flowing = False
            return b""
        self.has_content = self.has_content or kind not in _NO_CONTENT
        if kind in _LAST:
            self.is_finished, self.is_flowing = True, False
        return event
