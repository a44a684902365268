"""Every error that llmlb raises on purpose, in one tree.

::

    LLMLBError
    ├── CallError                     answered to the client that made the call
    │   ├── InvalidRequest            400  invalid_request_error   (param, code)
    │   │   ├── InvalidJson           400  invalid_json
    │   │   ├── UnsupportedParameter  400  unsupported_parameter
    │   │   ├── ContextLengthExceeded 400  context_length_exceeded
    │   │   ├── PromptTooLong         400  context_length_exceeded (in a server's words)
    │   │   ├── Unprocessable         422  unprocessable           (in a server's words)
    │   │   ├── UnknownPrefix         400  unknown_prefix          (of a provider that is not here)
    │   │   ├── CapabilityMismatch    400  model_capability_mismatch
    │   │   └── ContentRejected       400  content_filter
    │   ├── Unauthorized              401  invalid_api_key
    │   ├── CloudKeyMissing           401  api_key_missing         (nobody set a key for the provider)
    │   ├── Forbidden                 403  insufficient_scope
    │   │   └── ModelNotAllowed       403  model_not_allowed
    │   ├── RouteNotFound             404  route_not_found
    │   ├── ModelNotFound             404  model_not_found
    │   ├── MethodNotAllowed          405  method_not_allowed
    │   ├── BodyTimeout               408  request_timeout
    │   ├── Conflict                  409  conflict
    │   ├── BodyTooLarge              413  body_too_large
    │   ├── UnsupportedContentType    415  invalid_content_type
    │   ├── QueueFull                 429  queue_full
    │   ├── RateLimited               429  rate_limit_exceeded     (a quota of the principal is used up)
    │   ├── InternalError             500  internal_error          (a defect, here or in a plugin)
    │   ├── RouteNotSupported         501  not_implemented         (nothing that serves the model has the route)
    │   ├── EndpointFailed            502  bad_gateway
    │   │   ├── EngineFailed          502  engine_failed           (load failed, crashed, raised)
    │   │   ├── CloudFailed           502  provider_error
    │   │   ├── EndpointBusy          429  endpoint_busy           (it said so itself)
    │   │   │   └── CloudBusy         429  rate_limited
    │   │   ├── EndpointRefused       502  endpoint_refused        (it refused this server's own credential)
    │   │   │   ├── CloudKeyRefused   401  provider_key_refused
    │   │   │   ├── CloudUnpaid       402  provider_unpaid
    │   │   │   └── CloudForbidden    403  provider_forbidden
    │   │   └── EndpointTimeout       504  endpoint_timeout
    │   ├── AnswerDiffers             502  replay_differs          (another answer to a call that broke; never told to clients)
    │   ├── NoEndpoint                503  no_capable_nodes
    │   ├── ModelLoading              503  model_loading
    │   ├── NoRoomForUpload           503  no_room_for_upload
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

from __future__ import annotations  # noqa: I001  # in the order of the tree, which the API's page has too

# `as` makes each a public name for type checkers.
from llmlb_core.errors.base import LLMLBError as LLMLBError
from llmlb_core.errors.call import (
    AnswerDiffers as AnswerDiffers,
    CallError as CallError,
    InvalidRequest as InvalidRequest,
    InvalidJson as InvalidJson,
    UnsupportedParameter as UnsupportedParameter,
    ContextLengthExceeded as ContextLengthExceeded,
    CapabilityMismatch as CapabilityMismatch,
    ContentRejected as ContentRejected,
    Unauthorized as Unauthorized,
    Forbidden as Forbidden,
    ModelNotAllowed as ModelNotAllowed,
    RouteNotFound as RouteNotFound,
    ModelNotFound as ModelNotFound,
    MethodNotAllowed as MethodNotAllowed,
    BodyTimeout as BodyTimeout,
    Conflict as Conflict,
    BodyTooLarge as BodyTooLarge,
    UnsupportedContentType as UnsupportedContentType,
    QueueFull as QueueFull,
    RateLimited as RateLimited,
    InternalError as InternalError,
    RouteNotSupported as RouteNotSupported,
    EndpointFailed as EndpointFailed,
    EngineFailed as EngineFailed,
    EndpointBusy as EndpointBusy,
    EndpointRefused as EndpointRefused,
    EndpointTimeout as EndpointTimeout,
    NoEndpoint as NoEndpoint,
    ModelLoading as ModelLoading,
    NoRoomForUpload as NoRoomForUpload,
    ShuttingDown as ShuttingDown,
    DeadlineExceeded as DeadlineExceeded,
    QueueTimeout as QueueTimeout,
)
from llmlb_core.errors.cloud import (
    CloudBusy as CloudBusy,
    CloudFailed as CloudFailed,
    CloudForbidden as CloudForbidden,
    CloudKeyMissing as CloudKeyMissing,
    CloudKeyRefused as CloudKeyRefused,
    CloudUnpaid as CloudUnpaid,
    PromptTooLong as PromptTooLong,
    Unprocessable as Unprocessable,
    UnknownPrefix as UnknownPrefix,
)
from llmlb_core.errors.other import (
    StartError as StartError,
    SettingsInvalid as SettingsInvalid,
    AddressInUse as AddressInUse,
    DataDirUnusable as DataDirUnusable,
    DatabaseUnusable as DatabaseUnusable,
    PluginRequired as PluginRequired,
    PluginError as PluginError,
    PluginBroken as PluginBroken,
    PluginIncompatible as PluginIncompatible,
    PluginConflict as PluginConflict,
    ModelError as ModelError,
    ModelUnknown as ModelUnknown,
    ModelFilesInvalid as ModelFilesInvalid,
    ModelTooLarge as ModelTooLarge,
    DownloadFailed as DownloadFailed,
    TraceInvalid as TraceInvalid,
)
from llmlb_core.errors.server import (
    ServerError as ServerError,
    ServerUnreachable as ServerUnreachable,
    ServerTimedOut as ServerTimedOut,
    KeyRefused as KeyRefused,
    RedirectRefused as RedirectRefused,
    AnswerTooLarge as AnswerTooLarge,
    AnswerNotJson as AnswerNotJson,
    AnswerUnexpected as AnswerUnexpected,
)
