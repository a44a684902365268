"""What a remote server says of itself: its models, its load, its devices."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.domain.models import Capability


@frozen
class RemoteModel:
    """A model that a server lists; None = its API does not say.

    Attributes:
        id: As calls must name it there.
        context_tokens: The longest context that it takes as it is set up there.
        capabilities: What it can do; None leaves that to the catalogue and the rules for names.
        apis: Inference routes that serve it, as in ``ModelInfo``: ``chat_completions``, ``responses``, ``embeddings``, ….
        is_ready: Whether it could answer at once; False = it would be loaded first.
        max_in_flight: Calls of it that the server takes at a time.
    """

    id: str
    context_tokens: int | None = None
    capabilities: tuple[Capability, ...] | None = None
    apis: tuple[str, ...] | None = None
    owned_by: str = ""
    size_bytes: int | None = None
    is_ready: bool | None = None
    max_in_flight: int | None = None


@frozen
class RemoteDevice:
    """A device of a server, as far as the server tells.

    Attributes:
        vendor: ``nvidia``, ``amd``, ``intel``, ``apple`` or ``unknown`` (5cd7b614-F5).
        use_0_1: How busy it is.
    """

    id: str
    name: str = ""
    vendor: str = "unknown"
    memory_bytes: int | None = None
    used_bytes: int | None = None
    use_0_1: float | None = None
    temperature_c: float | None = None


@frozen
class Report:
    """How a server is at this moment; None = its API does not say.

    Attributes:
        active_count: Calls that it runs now, those of others included.
        waiting_count: Calls that wait there.
        max_in_flight: Calls that it takes at a time.
        is_loading: It answers, and cannot serve yet.
        capability_score: Of its devices, as another llmlb counts it; only comparable with its like.
        models_ready: Names of the models that could answer at once.
    """

    version: str | None = None
    active_count: int | None = None
    waiting_count: int | None = None
    max_in_flight: int | None = None
    is_loading: bool = False
    devices: tuple[RemoteDevice, ...] = ()
    capability_score: float | None = None
    models_ready: frozenset[str] | None = None
