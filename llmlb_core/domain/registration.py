"""Registered servers as operators, tables and the API see them: what was said of one, what it serves, how it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from attrs import field, frozen

from llmlb_core.domain.models import Capability

Origin = Literal["file", "database"]


class EndpointStatus(StrEnum):
    """How a registered server is (66555000-F5)."""

    PENDING = "pending"
    ONLINE = "online"
    OFFLINE = "offline"
    ERROR = "error"


@frozen
class Registration:
    """What an operator said of one server. Immutable: a change makes another one, with the next version.

    Attributes:
        id: Stable and unique.
        url: As it was given; never changed (66555000-F20).
        origin: ``file`` = ``[[endpoints]]``, read-only in the API; ``database`` = registered.
        key: Its API key; never shown, kept encrypted.
        key_problem: Why there is a key and it cannot be used.
        kind: The kind that it was recognised as, or that was named; None = not yet.
        is_kind_fixed: Whether the operator named the kind.
        max_in_flight: Calls at a time; None = what the server or its kind says.
        check_interval_s: Between two health checks; None = ``[health] interval_s``, 0 = never asked, only traffic tells.
        inference_timeout_s: Longest wait for a first token or a plain answer; None = llmlb's own limits (66555000-F19).
        capabilities: Of all its models, by the operator's word; None = from the server, or from names.
        overrides: Capabilities by model name, by the operator's word; stronger than ``capabilities``.
        models: Models by the operator's word; None = those that the server lists.
        version: Grows with every change; whoever changes an older one is refused.
    """

    id: str
    name: str
    url: str
    origin: Origin = "database"
    key: str | None = field(default=None, repr=False)
    key_problem: str | None = None
    kind: str | None = None
    is_kind_fixed: bool = False
    max_in_flight: int | None = None
    check_interval_s: float | None = None
    inference_timeout_s: float | None = None
    notes: str | None = None
    capabilities: tuple[Capability, ...] | None = None
    overrides: Mapping[str, tuple[Capability, ...]] = field(factory=dict)
    models: tuple[str, ...] | None = None
    registered_at: datetime | None = None
    version: int = 1

    @property
    def is_read_only(self) -> bool:
        """Whether the settings file owns it."""
        return self.origin == "file"


@frozen
class ServedModel:
    """A model that a registered server has.

    Attributes:
        id: As calls name it there.
        capabilities: What it can do, after the operator's word.
        source: Where that is from: ``operator``, ``server``, or ``name`` (a rule for names; unknown = text only).
        apis: Inference routes that serve it; None = those of its capabilities.
        is_ready: Whether it could answer at once; None = unknown.
        checked_at: When the server listed it last; None = by the operator's word.
    """

    id: str
    capabilities: tuple[Capability, ...] = (Capability.TEXT_GENERATION,)
    source: Literal["operator", "server", "name"] = "name"
    context_tokens: int | None = None
    apis: tuple[str, ...] | None = None
    owned_by: str = ""
    size_bytes: int | None = None
    is_ready: bool | None = None
    max_in_flight: int | None = None
    checked_at: datetime | None = None


@frozen
class Condition:
    """How a registered server was when it was looked at last. Immutable: each check makes another one.

    Attributes:
        latency_ms: Round trip of the last check that went well.
        last_seen: When it last answered well.
        last_error: Why it did not; None after a success.
        error_count: Failures in a row.
        checked_at: When it was looked at; None = never.
        supports_responses: Whether it serves ``/v1/responses``; None = unknown.
    """

    status: EndpointStatus = EndpointStatus.PENDING
    latency_ms: float | None = None
    last_seen: datetime | None = None
    last_error: str | None = None
    error_count: int = 0
    checked_at: datetime | None = None
    supports_responses: bool | None = None


@frozen
class HealthCheck:
    """One look at a server, as history keeps it (66555000-D3)."""

    endpoint_id: str
    checked_at: datetime
    success: bool
    latency_ms: float | None
    error: str | None
    status_before: EndpointStatus
    status_after: EndpointStatus
