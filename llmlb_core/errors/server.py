"""Why a registered server cannot be asked."""

from __future__ import annotations

from typing import ClassVar

from llmlb_core.errors.base import LLMLBError


class ServerError(LLMLBError):
    """A registered server could not be asked something (``llmlb_core.Server``); the message names it, never a secret.

    Attributes:
        code: What happened, in one word, for APIs and metrics.
        endpoint: Name of the server.
        status: HTTP status of its answer, where there was one.
    """

    code: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, endpoint: str = "", status: int | None = None) -> None:
        """Keep who it was and what it answered."""
        super().__init__(message)
        self.endpoint = endpoint
        self.status = status


class ServerUnreachable(ServerError):
    """No connection came about, or it broke: nobody listens, the name is unknown, TLS fails, it is not HTTP."""

    code = "unreachable"


class ServerTimedOut(ServerError):
    """It did not answer, or not whole, before the deadline."""

    code = "timed_out"


class KeyRefused(ServerError):
    """It answered 401 or 403: the endpoint's key is wrong or missing."""

    code = "key_refused"


class RedirectRefused(ServerError):
    """It redirects to another host, in a circle, or a question that cannot be asked twice."""

    code = "redirect_refused"


class AnswerTooLarge(ServerError):
    """The answer has more bytes than are read."""

    code = "answer_too_large"


class AnswerNotJson(ServerError):
    """JSON was expected, and a web page or something else came."""

    code = "not_json"


class AnswerUnexpected(ServerError):
    """Another status than expected, or JSON of another shape."""

    code = "unexpected_answer"
