"""What goes wrong between this server and a provider behind a prefix (4b6e9f2a-F4)."""

from __future__ import annotations

from llmlb_core.errors.call import CallError, EndpointBusy, EndpointFailed, EndpointRefused, InvalidRequest


class UnknownPrefix(InvalidRequest):
    """The model's name begins with the prefix of a provider that nothing here serves, or has nothing behind it."""

    code = "unknown_prefix"


class CloudKeyMissing(CallError):
    """The provider is known, and nobody has set a key for it."""

    status = 401
    type = "authentication_error"
    code = "api_key_missing"


class CloudKeyRefused(EndpointRefused):
    """The provider does not accept the key; another key may do."""

    status = 401
    type = "authentication_error"
    code = "provider_key_refused"


class CloudUnpaid(EndpointRefused):
    """The provider wants to be paid first; another key may be."""

    status = 402
    type = "billing_error"
    code = "provider_unpaid"


class CloudForbidden(EndpointRefused):
    """The key may not do this; another key may."""

    status = 403
    type = "permission_error"
    code = "provider_forbidden"


class CloudBusy(EndpointBusy):
    """The provider's limit for this key is reached. It is not waited for, and no other provider is asked (4b6e9f2a-F8)."""

    code = "rate_limited"
    may_pass = False


class CloudFailed(EndpointFailed):
    """The provider itself failed."""

    type = "provider_error"
    code = "provider_error"


class PromptTooLong(InvalidRequest):
    """The prompt does not fit the model, in its server's words; a model with a larger window may take it."""

    code = "context_length_exceeded"
    about = "model"


class Unprocessable(InvalidRequest):
    """The server understood the request and refuses what it asks for; its own word for that is 422."""

    status = 422
    code = "unprocessable"
