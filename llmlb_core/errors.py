"""Every error that llmlb raises on purpose, in one tree.

::

    LLMLBError
    ├── CallError                     answered to the client that made the call
    │   ├── InvalidRequest            400  invalid_request_error   (param, code)
    │   │   ├── InvalidJson           400  invalid_json
    │   │   ├── UnsupportedParameter  400  unsupported_parameter
    │   │   ├── ContextLengthExceeded 400  context_length_exceeded
    │   │   └── CapabilityMismatch    400  model_capability_mismatch
    │   ├── Unauthorized              401  invalid_api_key
    │   ├── Forbidden                 403  insufficient_scope
    │   │   └── ModelNotAllowed       403  model_not_allowed
    │   ├── RouteNotFound             404  route_not_found
    │   ├── ModelNotFound             404  model_not_found
    │   ├── MethodNotAllowed          405  method_not_allowed
    │   ├── BodyTimeout               408  request_timeout
    │   ├── Conflict                  409  conflict
    │   ├── BodyTooLarge              413  body_too_large
    │   ├── QueueFull                 429  queue_full
    │   ├── RateLimited               429  rate_limit_exceeded     (a quota of the principal is used up)
    │   ├── InternalError             500  internal_error          (a defect, here or in a plugin)
    │   ├── EndpointFailed            502  bad_gateway
    │   │   ├── EngineFailed          502  engine_failed           (load failed, crashed, raised)
    │   │   ├── EndpointBusy          429  endpoint_busy           (it said so itself)
    │   │   ├── EndpointRefused       502  endpoint_refused        (it refused this server's own credential)
    │   │   └── EndpointTimeout       504  endpoint_timeout
    │   ├── NoEndpoint                503  no_capable_nodes
    │   ├── ModelLoading              503  model_loading
    │   ├── ShuttingDown              503  shutting_down
    │   ├── DeadlineExceeded          504  deadline_exceeded
    │   └── QueueTimeout              504  queue_timeout
    ├── StartError                    one line on stderr, exit code 2
    │   ├── SettingsInvalid
    │   ├── AddressInUse
    │   ├── DataDirUnusable
    │   ├── DatabaseUnusable
    │   └── PluginRequired
    ├── PluginError                   a plugin's status says it, the server goes on
    │   ├── PluginBroken
    │   ├── PluginIncompatible
    │   └── PluginConflict
    ├── ServerError                   a registered server cannot be asked: its state says it, the server goes on
    │   ├── ServerUnreachable
    │   ├── ServerTimedOut
    │   ├── KeyRefused
    │   ├── RedirectRefused
    │   ├── AnswerTooLarge
    │   ├── AnswerNotJson
    │   └── AnswerUnexpected
    ├── ModelError                    a model on this machine cannot be had or run
    │   ├── ModelUnknown
    │   ├── ModelFilesInvalid
    │   ├── ModelTooLarge
    │   └── DownloadFailed
    └── TraceInvalid                  `llmlb simulate` cannot use what it was given

Messages say what was seen, what was expected and the next step; they never hold a secret or an internal address.
"""

from __future__ import annotations

from typing import ClassVar


class LLMLBError(Exception):
    """Base of everything llmlb raises on purpose.

    Args:
        message: One or more full sentences for a person.
    """

    def __init__(self, message: str) -> None:
        """Keep *message* as the exception's text."""
        super().__init__(message)
        self.message = message


# --- answered to a client ---------------------------------------------------------------------------------------


class CallError(LLMLBError):
    """An error that one call is answered with; the process is fine.

    Attributes:
        status: HTTP status of the answer.
        type: OpenAI's ``error.type``.
        code: OpenAI's ``error.code``, always a string.
        param: Path of the offending parameter (``messages[0].content``), or None.
        retry_after_s: Seconds for a ``Retry-After`` header, or None.
        is_retryable: Whether another candidate may be tried for the same call.
        extras: Further JSON members of the error object.
        culprit: Key of the contribution that raised, such as ``engine:echo``; its plugin's status counts it.
    """

    status: ClassVar[int] = 500
    type: str = "server_error"
    code: str = "internal_error"
    is_retryable: ClassVar[bool] = False
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


class EndpointFailed(CallError):
    """What the call was sent to failed before the answer began."""

    status = 502
    type = "backend_error"
    code = "bad_gateway"
    is_retryable = True


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
    is_retryable = False


class EndpointTimeout(EndpointFailed):
    """What the call was sent to did not answer in time."""

    status = 504
    type = "timeout_error"
    code = "endpoint_timeout"


class NoEndpoint(CallError):
    """The model is known, but nothing can serve it now."""

    status = 503
    type = "service_unavailable"
    code = "no_capable_nodes"


class ModelLoading(CallError):
    """The model is still being loaded."""

    status = 503
    type = "service_unavailable"
    code = "model_loading"


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


# --- stops the start --------------------------------------------------------------------------------------------


class StartError(LLMLBError):
    """The server cannot start; the command prints the message in one line and exits with 2."""


class SettingsInvalid(StartError):
    """A setting is unknown, has the wrong type or an impossible value."""


class AddressInUse(StartError):
    """Another process listens on the address."""


class DataDirUnusable(StartError):
    """The data directory cannot be made, read or written."""


class DatabaseUnusable(StartError):
    """The database cannot be opened, is damaged, or is newer than this program."""


class PluginRequired(StartError):
    """A plugin that settings require is missing or not active."""


# --- a plugin's status ------------------------------------------------------------------------------------------


class PluginError(LLMLBError):
    """Why a plugin is not active.

    Args:
        message: What happened.
        mend: The command or edit that repairs it.
    """

    def __init__(self, message: str, *, mend: str = "") -> None:
        """Keep the reason and what mends it."""
        super().__init__(message)
        self.mend = mend


class PluginBroken(PluginError):
    """The plugin raised, or contributed something that is not what its hook takes."""


class PluginIncompatible(PluginError):
    """The plugin was made for another version of llmlb-core or of Python."""


class PluginConflict(PluginError):
    """Two plugins contribute the same name, and settings prefer neither."""


# --- a registered server, asked by its kind ---------------------------------------------------------------------


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


# --- a model on this machine ------------------------------------------------------------------------------------


class ModelError(LLMLBError):
    """A model on this machine cannot be had or run."""


class ModelUnknown(ModelError):
    """No model of this name or reference is known."""


class ModelFilesInvalid(ModelError):
    """Files are missing, damaged, or in no format that an installed engine runs."""


class ModelTooLarge(ModelError):
    """The model needs more memory than it may have."""


class DownloadFailed(ModelError):
    """A file could not be fetched or its hash is wrong."""


# --- a simulation -----------------------------------------------------------------------------------------------


class TraceInvalid(LLMLBError):
    """A trace, history or fleet of a simulation cannot be read, or does not fit; names the file and the line."""
