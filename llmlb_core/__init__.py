"""llmlb-core: a pipeline, a plugin host, and the contracts between them.

Everything a user would call a feature is a plugin. This module names what plugins may use; names are imported on first use, so
that ``import llmlb_core`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmlb_core.version import CONTRACT_VERSION, __version__

if TYPE_CHECKING:
    from llmlb_core.contracts.admission import AdmissionPolicy, Admit, Load, Reject, Wait, Waiter
    from llmlb_core.contracts.auth import Authenticator, Authorizer
    from llmlb_core.contracts.dialect import Decoded, Dialect, Entry, Renderer, Route, RoutingFields
    from llmlb_core.contracts.endpoint import Endpoint, Result
    from llmlb_core.contracts.engine import (
        Cancel,
        EmbeddingEngine,
        Engine,
        Feature,
        TextDelta,
        TextEngine,
        TextRequest,
        float32_rows,
    )
    from llmlb_core.contracts.modelstore import ModelFormat, ModelStore
    from llmlb_core.contracts.plugin import ModelInfo, ModelView, Plugin
    from llmlb_core.contracts.router import Router
    from llmlb_core.contracts.routes import Routes
    from llmlb_core.contracts.storage import StorageApp
    from llmlb_core.domain.calls import Call, Head, Operation, new_id
    from llmlb_core.domain.chat import (
        ChatRequest,
        CompletionRequest,
        EmbeddingRequest,
        ImagePart,
        Message,
        ResponseFormat,
        Sampling,
        TextPart,
        Tool,
        ToolCall,
        ToolChoice,
    )
    from llmlb_core.domain.devices import Device
    from llmlb_core.domain.endpoints import Candidate, Choice, Outcome, Target
    from llmlb_core.domain.models import Capability, Fit, LocalModel, Manifest, ManifestFile, ModelFacts, Placement, Unfit
    from llmlb_core.domain.principals import Credential, Principal
    from llmlb_core.domain.results import Delta, TokenLogprob, ToolCallDelta, TopLogprob, Usage, Vectors
    from llmlb_core.hookspecs import hookimpl

_HOMES = {
    "contracts.admission": "Admit AdmissionPolicy Load Reject Wait Waiter",
    "contracts.auth": "Authenticator Authorizer",
    "contracts.dialect": "Decoded Dialect Entry Renderer Route RoutingFields",
    "contracts.endpoint": "Endpoint Result",
    "contracts.engine": "Cancel EmbeddingEngine Engine Feature TextDelta TextEngine TextRequest float32_rows",
    "contracts.modelstore": "ModelFormat ModelStore",
    "contracts.plugin": "ModelInfo ModelView Plugin",
    "contracts.router": "Router",
    "contracts.routes": "Routes",
    "contracts.storage": "StorageApp",
    "domain.calls": "Call Head Operation new_id",
    "domain.chat": "ChatRequest CompletionRequest EmbeddingRequest ImagePart Message ResponseFormat Sampling TextPart Tool "
    "ToolCall ToolChoice",
    "domain.devices": "Device",
    "domain.endpoints": "Candidate Choice Outcome Target",
    "domain.models": "Capability Fit LocalModel Manifest ManifestFile ModelFacts Placement Unfit",
    "domain.principals": "Credential Principal",
    "domain.results": "Delta TokenLogprob ToolCallDelta TopLogprob Usage Vectors",
    "hookspecs": "hookimpl",
}
_HOME_BY_NAME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted([*_HOME_BY_NAME, "CONTRACT_VERSION", "__version__"])  # noqa: PLE0605  # a list, made from the table above


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    home = _HOME_BY_NAME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
