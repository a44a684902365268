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

from __future__ import annotations  # noqa: I001  # sorted below; one statement a name would be three times as long

# `as` makes each a public name for type checkers.
from llmlb_core.errors.base import LLMLBError as LLMLBError
from llmlb_core.errors.call import (
    BodyTimeout as BodyTimeout,
    BodyTooLarge as BodyTooLarge,
    CallError as CallError,
    CapabilityMismatch as CapabilityMismatch,
    Conflict as Conflict,
    ContextLengthExceeded as ContextLengthExceeded,
    DeadlineExceeded as DeadlineExceeded,
    EndpointBusy as EndpointBusy,
    EndpointFailed as EndpointFailed,
    EndpointRefused as EndpointRefused,
    EndpointTimeout as EndpointTimeout,
    EngineFailed as EngineFailed,
    Forbidden as Forbidden,
    InternalError as InternalError,
    InvalidJson as InvalidJson,
    InvalidRequest as InvalidRequest,
    MethodNotAllowed as MethodNotAllowed,
    ModelLoading as ModelLoading,
    ModelNotAllowed as ModelNotAllowed,
    ModelNotFound as ModelNotFound,
    NoEndpoint as NoEndpoint,
    QueueFull as QueueFull,
    QueueTimeout as QueueTimeout,
    RateLimited as RateLimited,
    RouteNotFound as RouteNotFound,
    ShuttingDown as ShuttingDown,
    Unauthorized as Unauthorized,
    UnsupportedParameter as UnsupportedParameter,
)
from llmlb_core.errors.other import (
    AddressInUse as AddressInUse,
    DataDirUnusable as DataDirUnusable,
    DatabaseUnusable as DatabaseUnusable,
    DownloadFailed as DownloadFailed,
    ModelError as ModelError,
    ModelFilesInvalid as ModelFilesInvalid,
    ModelTooLarge as ModelTooLarge,
    ModelUnknown as ModelUnknown,
    PluginBroken as PluginBroken,
    PluginConflict as PluginConflict,
    PluginError as PluginError,
    PluginIncompatible as PluginIncompatible,
    PluginRequired as PluginRequired,
    SettingsInvalid as SettingsInvalid,
    StartError as StartError,
    TraceInvalid as TraceInvalid,
)
from llmlb_core.errors.server import (
    AnswerNotJson as AnswerNotJson,
    AnswerTooLarge as AnswerTooLarge,
    AnswerUnexpected as AnswerUnexpected,
    KeyRefused as KeyRefused,
    RedirectRefused as RedirectRefused,
    ServerError as ServerError,
    ServerTimedOut as ServerTimedOut,
    ServerUnreachable as ServerUnreachable,
)
