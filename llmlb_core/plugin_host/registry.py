"""What active plugins contribute, by kind and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    import click

    from llmlb_core.contracts.admission import AdmissionPolicy
    from llmlb_core.contracts.auth import Authenticator, Authorizer
    from llmlb_core.contracts.cloud import Cloud
    from llmlb_core.contracts.dialect import Dialect
    from llmlb_core.contracts.endpoint_kind import EndpointKind
    from llmlb_core.contracts.engine import Engine
    from llmlb_core.contracts.modelstore import ModelFormat, ModelStore
    from llmlb_core.contracts.observer import BodySink, Feedback, Observer
    from llmlb_core.contracts.router import Filter, Picker, Router, Scorer
    from llmlb_core.contracts.routes import Routes
    from llmlb_core.contracts.server_dialect import ServerDialect
    from llmlb_core.contracts.storage import StorageApp


@frozen
class EngineEntry:
    """An engine and the plugin whose worker runs it."""

    plugin: str
    engine: type[Engine]


@define
class Registry:
    """Objects of active plugins only; every name is unique, because the host settles conflicts before it files anything.

    Read it after ``load_plugins``. A plugin whose lifespan fails is withdrawn in place, so keep the mappings, not copies of them.

    Attributes:
        stores: By scheme.
        owners: Which plugin contributed a key, such as ``engine:llamacpp`` → ``engine_llamacpp``; for ``record_failure``.
    """

    engines: dict[str, EngineEntry] = field(factory=dict)
    stores: dict[str, ModelStore] = field(factory=dict)
    formats: dict[str, ModelFormat] = field(factory=dict)
    endpoint_kinds: dict[str, EndpointKind] = field(factory=dict)
    routers: dict[str, Router] = field(factory=dict)
    filters: dict[str, Filter] = field(factory=dict)
    scorers: dict[str, Scorer] = field(factory=dict)
    pickers: dict[str, Picker] = field(factory=dict)
    admission_policies: dict[str, AdmissionPolicy] = field(factory=dict)
    authenticators: dict[str, Authenticator] = field(factory=dict)
    authorizers: dict[str, Authorizer] = field(factory=dict)
    clouds: dict[str, Cloud] = field(factory=dict)
    dialects: dict[str, Dialect] = field(factory=dict)
    server_dialects: dict[str, ServerDialect] = field(factory=dict)
    observers: dict[str, Observer] = field(factory=dict)
    feedbacks: dict[str, Feedback] = field(factory=dict)
    body_sinks: dict[str, BodySink] = field(factory=dict)
    commands: dict[str, click.Command] = field(factory=dict)
    storage_apps: tuple[StorageApp, ...] = ()
    routes: tuple[tuple[str, Routes], ...] = ()
    owners: dict[str, str] = field(factory=dict)
