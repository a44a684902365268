"""What an instance shows of itself, to the admin API and the command line."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen


class State(StrEnum):
    """Where an instance is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    FAILED = "failed"


@frozen
class InstanceSnapshot:
    """One instance at one moment.

    Attributes:
        reason: Why it failed or has no room, else None.
        last_failure: How its last worker died, although it may run again since.
        output_tail: The last lines of a worker that died.
        pid: Of its worker.
        memory_bytes: Resident set of the worker, or the estimate where it cannot be measured; None without a worker.
        in_flight: Calls that hold a lease.
        running_count: Calls that run in the worker.
        loaded_at: Unix time; likewise ``last_used_at`` and ``next_try_at``, when a failed model may be tried again.
        crash_count: Workers of it that died unasked.
    """

    id: str
    model: str
    engine: str
    plugin: str
    state: State
    reason: str | None = None
    last_failure: str | None = None
    output_tail: str = field(default="", repr=False)
    pid: int | None = None
    memory_bytes: int | None = None
    max_in_flight: int = 1
    in_flight: int = 0
    running_count: int = 0
    context_tokens: int | None = None
    load_s: float | None = None
    loaded_at: float | None = None
    last_used_at: float | None = None
    next_try_at: float | None = None
    crash_count: int = 0
