"""What the stage ``record`` hands calls to, opened and closed with the house."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from llmlb_core.pipeline import Pipeline
from llmlb_core.plugin_host.host import PluginHost
from llmlb_core.stages.record import Recorder
from llmlb_core.telemetry.access import AccessLog
from llmlb_core.telemetry.delivery import Delivery
from llmlb_core.telemetry.lag import measured_lag
from llmlb_core.telemetry.metrics import Metrics
from llmlb_core.worker.supervisor import Supervisor


@asynccontextmanager
async def open_recorder(host: PluginHost, metrics: Metrics, access: AccessLog | None) -> AsyncIterator[Recorder]:
    """Open it inside the lifespans of plugins: at its end observers are given what is left, and must still be able to keep it."""
    registry = host.registry

    def fault_of(kind: str) -> Callable[[str, BaseException], None]:
        def fault(name: str, error: BaseException) -> None:
            host.record_failure(registry.owners.get(f"{kind}:{name}", ""), "call", error)

        return fault

    delivery = Delivery(registry.observers, fault_of("observer")) if registry.observers else None
    if delivery is not None:
        metrics.watch(
            "records_dropped", "counter", "Records of calls that an observer missed or lost.", delivery.dropped, ("observer",)
        )
    if access is not None:
        metrics.watch("access_lines_dropped", "counter", "Lines of the access log that were lost.", lambda: access.dropped_count)
    recorder = Recorder(access, calls=metrics.calls, delivery=delivery, feedbacks=registry.feedbacks, fault=fault_of("feedback"))
    try:
        with measured_lag(metrics.lag):
            if delivery is None:
                yield recorder
            else:
                async with delivery.running():
                    yield recorder
    finally:
        if access is not None:
            access.flush()


def watch_house(metrics: Metrics, pipeline: Pipeline, supervisor: Supervisor) -> None:
    """Show what runs, waits and is loaded now."""
    metrics.watch("calls_running", "gauge", "Calls that run now.", lambda: pipeline.running.count)
    metrics.watch("queue_waiting", "gauge", "Calls that wait for a lease.", lambda: pipeline.acquire.stats().waiting_count)

    def instances() -> dict[tuple[str, ...], float]:
        return {(str(state),): count for state, count in Counter(each.state for each in supervisor.snapshots()).items()}

    metrics.watch("instances", "gauge", "Models on this machine that have an instance, by its state.", instances, ("state",))
