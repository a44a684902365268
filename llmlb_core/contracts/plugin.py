"""What the host gives a plugin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attrs import define, field, frozen

from llmlb_core.contracts.metrics import MetricsView
from llmlb_core.domain.models import Capability

if TYPE_CHECKING:
    from asyncio import Event  # commands import this file and no event loop


@frozen
class ModelInfo:
    """A model as ``GET /v1/models`` shows it.

    Attributes:
        is_ready: Whether a call of it could be served now.
        state: ``available``, ``loading``, ``ready`` or ``failed``.
        reason: Why it is not ready, for people.
        apis: Names of the inference routes that serve it: ``chat_completions``, ``responses``, ``embeddings``, …
    """

    id: str
    created_at: int
    owned_by: str
    capabilities: tuple[Capability, ...]
    is_ready: bool
    state: str
    reason: str | None = None
    context_tokens: int | None = None
    apis: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    size_bytes: int = 0
    engine: str | None = None


@frozen
class ModelListing:
    """Models, and how fresh what is told of other people's is.

    Attributes:
        cache_status: ``HIT``, ``MISS`` or ``STALE`` of the lists of providers; empty where no provider is in use.
        cache_age_s: Of the oldest of them.
    """

    models: Sequence[ModelInfo]
    cache_status: str = ""
    cache_age_s: float = 0.0


class ModelView(Protocol):
    """The models that this server knows, as a plugin may read them. Memory only and without waiting, but for ``list_all``."""

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id."""
        ...

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias."""
        ...

    async def list_all(self) -> ModelListing:
        """All models, and those of providers behind their prefixes; they are asked once a day, for 10 s at most."""
        ...


@define
class Plugin:
    """A plugin's view of the program, handed to plugins that are classes and to their blueprints.

    Attributes:
        name: Entry-point name, such as ``auth_apikey``.
        settings: An instance of the class that ``llmlb_settings`` returned, or None.
        data_dir: The server's data directory.
        models: What this server serves; empty in a worker and in commands.
        metrics: What this server measures; None in a worker and in commands.
        shared: The plugin's own: what its class leaves here, its blueprints find.
        stopping: Set when the server begins to stop: what lasts longer than a call should now come to its end. None in a worker
            and in commands.
    """

    name: str
    data_dir: Path
    settings: object = None
    models: ModelView | None = field(default=None, repr=False)
    metrics: MetricsView | None = field(default=None, repr=False)
    shared: dict[str, object] = field(factory=dict, repr=False)
    stopping: Event | None = field(default=None, repr=False)
