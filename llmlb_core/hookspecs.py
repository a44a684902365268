"""The hooks: all synchronous, all called once, at start.

Each returns an iterable of objects; the host files every object by its base class, inside the plugin's own guard, so that one
broken plugin is a status and not a failed start. A plugin is a module, or a class that the host calls with a ``Plugin``.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pluggy

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
    from llmlb_core.contracts.plugin import Plugin
    from llmlb_core.contracts.router import Filter, Picker, Router, Scorer
    from llmlb_core.contracts.routes import Routes
    from llmlb_core.contracts.server_dialect import ServerDialect
    from llmlb_core.contracts.storage import StorageApp

hookspec = pluggy.HookspecMarker("llmlb")
hookimpl = pluggy.HookimplMarker("llmlb")


@hookspec
def llmlb_engines() -> Iterable[type[Engine]]:  # type: ignore[empty-body]  # a specification has no body
    """Contribute engines: code that runs models on this machine.

    When: At start in the server (to ask ``fit``), and in every worker that runs one of them.
    Returns: ``Engine`` classes, not instances.
    Conflicts: Two engines of one ``name`` make both plugins conflicted, unless ``[plugins.prefer]`` names one.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_models() -> Iterable[ModelStore | ModelFormat]:  # type: ignore[empty-body]
    """Contribute stores (where models come from) and formats (what their headers say).

    When: At start, and in ``llmlb models``.
    Returns: ``ModelStore`` and ``ModelFormat`` instances.
    Conflicts: Two of one ``scheme`` or one format ``name`` make both plugins conflicted.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_endpoints() -> Iterable[EndpointKind]:  # type: ignore[empty-body]
    """Contribute kinds of remote servers: how one is recognised, listed and watched.

    When: At start.
    Returns: ``EndpointKind`` instances; an endpoint's kind is detected, in order of ``probe_order`` and then of ``name``.
    Conflicts: Two of one ``name`` make both plugins conflicted, unless ``[plugins.prefer]`` names one.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_clouds() -> Iterable[Cloud]:  # type: ignore[empty-body]
    """Contribute providers that are reached by a prefix of the model's name.

    When: At start.
    Returns: ``Cloud`` values; ``[clouds.<name>]`` overrides their fields.
    Conflicts: Two of one ``name``, or with one prefix, make both plugins conflicted, unless ``[plugins.prefer]`` names one.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_routers() -> Iterable[Router | Filter | Scorer | Picker | AdmissionPolicy]:  # type: ignore[empty-body]
    """Contribute routers (who gets a call), parts that routers are composed of, and admission policies (who waits).

    When: At start.
    Returns: ``Router``, ``Filter``, ``Scorer``, ``Picker`` and ``AdmissionPolicy`` instances; ``[routing] router``,
        ``[[routing.routers]]`` and ``[admission] policy`` choose by name.
    Conflicts: Two of one kind and ``name`` make both plugins conflicted.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_auth() -> Iterable[Authenticator | Authorizer]:  # type: ignore[empty-body]
    """Contribute authenticators (who calls) and authorizers (whether they may).

    When: At start.
    Returns: ``Authenticator`` and ``Authorizer`` instances; ``[auth] authenticators`` gives the order and makes each required.
    Conflicts: Two of one ``name`` make both plugins conflicted, and the start fails where settings name them: never open.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_storage() -> Iterable[StorageApp]:  # type: ignore[empty-body]
    """Contribute tables.

    When: At start before storage opens, and in ``llmlb db``.
    Returns: ``StorageApp`` values.
    Conflicts: Two apps of one ``label`` make both plugins conflicted.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_dialects() -> Iterable[Dialect | ServerDialect]:  # type: ignore[empty-body]
    """Contribute wire formats: as clients speak them (``Dialect``), and as servers do (``ServerDialect``).

    When: At start.
    Returns: ``Dialect`` and ``ServerDialect`` instances.
    Conflicts: Two of one kind and ``name``, or two dialects with one path, make both plugins conflicted.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_routes() -> Iterable[Routes]:  # type: ignore[empty-body]
    """Contribute HTTP routes that are not inference.

    When: At start; the blueprints are imported when the web plane starts.
    Returns: ``Routes`` values; the core enforces their scope.
    Conflicts: Two of one ``prefix`` make both plugins conflicted.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_observers() -> Iterable[Observer | Feedback | BodySink]:  # type: ignore[empty-body]
    """Contribute what is told of calls that are over.

    When: At start; records come from the first call on until the server has drained, inside the plugin's lifespan.
    Returns: ``Observer`` instances (told in batches, off the call's path), ``Feedback`` instances (told at once, those that serve
        routers only while settings use these) and ``BodySink`` instances (given what was said; contribute one only where the
        operator asked for it).
    Conflicts: Two of one kind and ``name`` make both plugins conflicted, unless ``[plugins.prefer]`` names one.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_commands(cli: click.Group) -> None:
    """Add commands to ``llmlb``.

    When: At start with the other hooks; alone, when the command line prints its help or needs a command that is not the core's.
    Returns: Nothing; add ``click`` commands to *cli*, an empty group. Import what they do inside them: every start calls this.
    Conflicts: Two commands of one name make both plugins conflicted; a name of the core's makes its plugin conflicted.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_settings() -> type | None:
    """Name the attrs class of ``[plugins.<name>]``.

    When: First of all hooks, before a plugin that is a class is called with its ``Plugin``.
    Returns: An attrs class with a default for every field, or None for no settings.
    Conflicts: None: each plugin has its own table.

    .. versionadded:: 0.1
    """


@hookspec
def llmlb_lifespan(plugin: Plugin) -> AbstractAsyncContextManager[None] | None:
    """Open and close what the plugin needs while the server runs.

    When: After storage opened and before the server listens, in order of plugin name; left in reverse after draining.
    Returns: An async context manager, or None.
    Conflicts: None. One that raises on entering makes its plugin broken, and the start fails where settings require it.

    .. versionadded:: 0.1
    """
