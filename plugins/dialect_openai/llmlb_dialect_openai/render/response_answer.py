"""A plain response: the same state as a stream's, written once."""

from __future__ import annotations

from llmlb_core import Call, Renderer, Result
from llmlb_core.errors import CallError
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.parts import JSON, as_delta
from llmlb_dialect_openai.render.response_stream import ResponseStream
from llmlb_dialect_openai.text import dumps


class ResponseAnswer(Renderer):
    """Collects output items and writes one object."""

    content_type = JSON

    def __init__(self, call: Call, model: str) -> None:
        """Make the stream whose events nobody reads."""
        self._stream = ResponseStream(call, model)

    def feed(self, result: Result) -> bytes:
        """Collect."""
        self._stream.feed(as_delta(result))
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: The answer did not finish.
        """
        return dumps(self._stream.finished()[1])

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)
