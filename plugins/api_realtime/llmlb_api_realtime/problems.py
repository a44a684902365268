"""What sessions answer with besides the errors that every call knows."""

from __future__ import annotations

from llmlb_core.errors import CallError

NORMAL = 1000
GOING_AWAY = 1001
POLICY = 1008
INTERNAL = 1011


class TooManySessions(CallError):
    """As many sessions run as the settings allow; answered before there is a websocket."""

    status = 503
    code = "too_many_sessions"


class TranscriptionFailed(CallError):
    """One utterance was not written down."""

    code = "transcription_failed"


class SessionOver(Exception):
    """The session ends now.

    Attributes:
        close_code: Of the websocket.
        error: What the client is told first; None = nothing.
    """

    def __init__(self, close_code: int, reason: str, error: CallError | None = None) -> None:
        """Say why in *reason*, for the log and the closing frame."""
        super().__init__(reason)
        self.close_code = close_code
        self.error = error


def error_members(error: CallError) -> dict[str, str | None]:
    """Return what an event tells of *error*."""
    return {"type": error.type, "code": str(error.code), "message": error.message, "param": error.param}
