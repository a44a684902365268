"""What is said within a stream that a server wrote, should it break."""

from __future__ import annotations

from llmlb_core import Renderer, Result
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.render.parts import SSE, error_frame


class RelayedEvents(Renderer):
    """Writes errors; the events themselves pass as they are."""

    content_type = SSE

    def feed(self, result: Result) -> bytes:
        """Refuse: no engine's results come here.

        Raises:
            EngineFailed: Always.
        """
        raise EngineFailed(f"This route cannot stream a {type(result).__name__}; see the plugin that serves the model.")

    def end(self) -> bytes:
        """Return nothing."""
        return b""

    def error(self, error: CallError) -> bytes:
        """Return the event that says *error*."""
        return error_frame(error)
