"""``{"input_tokens"}``: how long a prompt is."""

from __future__ import annotations

from llmlb_core import Renderer, Result
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_anthropic.error_document import error_document
from llmlb_dialect_anthropic.render.parts import JSON
from llmlb_dialect_anthropic.text import dumps


class TokenCount(Renderer):
    """Waits for the usage, which is all of the answer."""

    content_type = JSON

    def __init__(self) -> None:
        """Begin with nothing."""
        self._tokens: int | None = None

    def feed(self, result: Result) -> bytes:
        """Collect."""
        if result.usage is not None:
            self._tokens = result.usage.prompt_tokens
        return b""

    def end(self) -> bytes:
        """Return the count.

        Raises:
            EngineFailed: There is none.
        """
        if self._tokens is None:
            raise EngineFailed("The tokens were not counted; try the call again.")
        return dumps({"input_tokens": self._tokens})

    def error(self, error: CallError) -> bytes:
        """Return the error document."""
        return error_document(error)
