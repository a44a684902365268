"""Errors that one call is answered with."""

from __future__ import annotations

from typing import ClassVar, Literal

from llmlb_core.errors.base import LLMLBError


class CallError(LLMLBError):
    """An error that one call is answered with; the process is fine.

    Attributes:
        status: HTTP status of the answer.
        type: OpenAI's ``error.type``.
        code: OpenAI's ``error.code``, always a string.
        param: Path of the offending parameter (``messages[0].content``), or None.
        retry_after_s: Seconds for a ``Retry-After`` header, or None.
        is_retryable: Whether another candidate may be tried for the same call.
        about: What it speaks of: the ``request`` (wrong wherever it is sent), the ``model`` (one with a larger window may take the
            call, the same one never), or the ``endpoint`` (another one may do better, of the same model, too).
        may_pass: Whether the endpoint that it came from may be asked again, after a while; not where it is silent, or where an
            operator must act first.
        extras: Further JSON members of the error object.
        is_told: Whether the client has it already, in the words of the server.
        culprit: Key of the contribution that raised, such as ``engine:echo``; its plugin's status counts it.
    """

    status: ClassVar[int] = 500
    type: str = "server_error"
    code: str = "internal_error"
    is_retryable: ClassVar[bool] = False
    about: ClassVar[Literal["request", "model", "endpoint"]] = "request"
    may_pass: bool = False
    is_told: bool = False
    culprit: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        extras: dict[str, str | int | float] | None = None,
    ) -> None:
        """Keep the facts that an error document is made of."""
        super().__init__(message)
        self.param = param
        if code is not None:
            self.code = code
        self.retry_after_s = retry_after_s
        self.extras = extras or {}


class InvalidRequest(CallError):
    """The request cannot be understood as written."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class InvalidJson(InvalidRequest):
    """The body is not JSON."""

    code = "invalid_json"


class UnsupportedParameter(InvalidRequest):
    """A parameter asks for something that the model serving this call cannot do."""

    code = "unsupported_parameter"


class ContextLengthExceeded(InvalidRequest):
    """The prompt, with what should be generated, does not fit the model's context."""

    code = "context_length_exceeded"
    about = "model"

    def __init__(self, *, prompt_tokens: int, context_tokens: int, max_tokens: int | None = None) -> None:
        """Say both numbers, as OpenAI does."""
        wanted = f" and {max_tokens} more are asked for" if max_tokens else ""
        super().__init__(
            f"This model's maximum context length is {context_tokens} tokens, but the prompt has {prompt_tokens}{wanted}. "
            "Shorten the messages or lower max_tokens.",
            param="messages",
            extras={"prompt_tokens": prompt_tokens, "context_tokens": context_tokens},
        )


class CapabilityMismatch(InvalidRequest):
    """The named model cannot do what the route asks for (32637000)."""

    code = "model_capability_mismatch"


class ContentRejected(InvalidRequest):
    """A content filter of what the call was sent to refuses it; the reason is the server's own."""

    code = "content_filter"


class Unauthorized(CallError):
    """No credential, or one that nobody accepts."""

    status = 401
    type = "unauthorized"
    code = "invalid_api_key"


class Forbidden(CallError):
    """The credential is good, but may not do this."""

    status = 403
    type = "forbidden"
    code = "insufficient_scope"


class ModelNotAllowed(Forbidden):
    """The principal may not use this model."""

    code = "model_not_allowed"


class RouteNotFound(CallError):
    """Nothing is served at this path."""

    status = 404
    type = "invalid_request_error"
    code = "route_not_found"


class ModelNotFound(CallError):
    """No model of this name is served here."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class MethodNotAllowed(CallError):
    """The path exists, with another method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class BodyTimeout(CallError):
    """The client stopped sending its body."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class Conflict(CallError):
    """The thing exists already, or was changed meanwhile."""

    status = 409
    type = "conflict"
    code = "conflict"


class BodyTooLarge(CallError):
    """The body is above the limit of its route."""

    status = 413
    type = "invalid_request_error"
    code = "body_too_large"


class UnsupportedContentType(CallError):
    """The route takes bodies of another content type."""

    status = 415
    type = "invalid_request_error"
    code = "invalid_content_type"


class QueueFull(CallError):
    """As many calls wait as may wait (05098000-F5)."""

    status = 429
    type = "queue_full"
    code = "queue_full"


class RateLimited(CallError):
    """The principal has used up what it may use in this time; ``retry_after_s`` says when there is more."""

    status = 429
    type = "rate_limit_exceeded"
    code = "rate_limit_exceeded"


class InternalError(CallError):
    """A defect in llmlb or in a plugin; the log has the traceback."""


class RouteNotSupported(CallError):
    """The model is known, but nothing that serves it has the route (24157000-F16)."""

    status = 501
    code = "not_implemented"


class EndpointFailed(CallError):
    """What the call was sent to failed before the answer began."""

    status = 502
    type = "backend_error"
    code = "bad_gateway"
    is_retryable = True
    about = "endpoint"
    may_pass = True


class EngineFailed(EndpointFailed):
    """A local engine could not load its model, crashed or raised."""

    code = "engine_failed"


class EndpointBusy(EndpointFailed):
    """What the call was sent to takes no more calls at the moment."""

    status = 429
    type = "rate_limit_error"
    code = "endpoint_busy"


class EndpointRefused(EndpointFailed):
    """What the call was sent to does not accept the credential that this server has for it: an operator mends that."""

    code = "endpoint_refused"
    may_pass = False


class EndpointTimeout(EndpointFailed):
    """What the call was sent to did not answer in time: it is silent, and not asked again for the same call."""

    status = 504
    type = "timeout_error"
    code = "endpoint_timeout"
    may_pass = False


class NoEndpoint(CallError):
    """The model is known, but nothing can serve it now."""

    status = 503
    type = "service_unavailable"
    code = "no_capable_nodes"
    is_retryable = True
    about = "endpoint"


class ModelLoading(CallError):
    """The model is still being loaded."""

    status = 503
    type = "service_unavailable"
    code = "model_loading"
    is_retryable = True
    about = "endpoint"


class NoRoomForUpload(CallError):
    """A large upload cannot be kept on disk at the moment."""

    status = 503
    type = "service_unavailable"
    code = "no_room_for_upload"


class ShuttingDown(CallError):
    """The server drains and takes no new calls."""

    status = 503
    type = "service_unavailable"
    code = "shutting_down"


class DeadlineExceeded(CallError):
    """The call's deadline passed."""

    status = 504
    type = "gateway_timeout"
    code = "deadline_exceeded"


class QueueTimeout(CallError):
    """No slot became free in time (05098000-F6)."""

    status = 504
    type = "queue_timeout"
    code = "queue_timeout"


class AnswerDiffers(CallError):
    """Another answer to the same call does not begin with what was delivered; no endpoint has failed by that."""

    status = 502
    type = "backend_error"
    code = "replay_differs"
