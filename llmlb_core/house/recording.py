"""What the stage ``record`` hands calls to, opened and closed with the house."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext

from llmlb_core.contracts.observer import Feedback
from llmlb_core.domain.records import Record
from llmlb_core.house.resume_metrics import watch_resume
from llmlb_core.pipeline import Pipeline
from llmlb_core.plugin_host.host import PluginHost
from llmlb_core.settings.sections import Settings
from llmlb_core.stages.acquire import Acquire, Pressure
from llmlb_core.stages.record import Recorder
from llmlb_core.telemetry.access import AccessLog
from llmlb_core.telemetry.delivery import Delivery
from llmlb_core.telemetry.lag import measured_lag
from llmlb_core.telemetry.metrics import Metrics
from llmlb_core.telemetry.taps import Taps
from llmlb_core.uploads.reader import Uploads
from llmlb_core.uploads.spool import Spool
from llmlb_core.worker.supervisor import Supervisor


@asynccontextmanager
async def open_recorder(
    host: PluginHost,
    metrics: Metrics,
    access: AccessLog | None,
    feedbacks: Mapping[str, Feedback],
    takers: Sequence[Callable[[Sequence[Record]], None]] = (),
) -> AsyncIterator[Recorder]:
    """Open it inside the lifespans of plugins: at its end observers are given what is left, and must still be able to keep it."""
    registry = host.registry
    delivery = Delivery(registry.observers, _fault_of(host, "observer")) if registry.observers else None
    if delivery is not None:
        metrics.watch(
            "records_dropped", "counter", "Records of calls that an observer missed or lost.", delivery.dropped, ("observer",)
        )
    if access is not None:
        metrics.watch("access_lines_dropped", "counter", "Lines of the access log that were lost.", lambda: access.dropped_count)
    fault = _fault_of(host, "feedback")
    recorder = Recorder(access, calls=metrics.calls, delivery=delivery, feedbacks=feedbacks, fault=fault, takers=takers)
    try:
        with measured_lag(metrics.lag):
            async with nullcontext() if delivery is None else delivery.running():
                try:
                    yield recorder
                finally:
                    recorder.flush()
    finally:
        if access is not None:
            access.flush()


@asynccontextmanager
async def open_uploads(settings: Settings) -> AsyncIterator[Uploads]:
    """Open it around the pipeline; what calls left is gone at its end."""
    spool = Spool(settings.data_dir / "uploads", settings.server.upload_disk_bytes)
    await asyncio.to_thread(spool.prepare)
    uploads = Uploads(spool)
    try:
        yield uploads
    finally:
        await uploads.close()


def make_taps(host: PluginHost, metrics: Metrics) -> Taps | None:
    """Return what copies bodies for the sinks that there are; None where there is none, so that calls have nothing to ask."""
    sinks = host.registry.body_sinks
    if not sinks:
        return None
    taps = Taps(sinks, _fault_of(host, "body_sink"))
    labels = ("sink",)
    metrics.watch("bodies_dropped", "counter", "Calls whose bodies a sink missed or lost.", taps.dropped, labels)
    metrics.watch("body_sink_failures", "counter", "How often a sink of bodies broke down.", taps.failures, labels)
    metrics.watch("bodies_held_bytes", "gauge", "Bodies in memory that are not written yet.", taps.held_bytes, labels)
    return taps


def _fault_of(host: PluginHost, kind: str) -> Callable[[str, BaseException], None]:
    def fault(name: str, error: BaseException) -> None:
        host.record_failure(host.registry.owners.get(f"{kind}:{name}", ""), "call", error)

    return fault


def watch_house(metrics: Metrics, pipeline: Pipeline, supervisor: Supervisor) -> None:
    """Show what runs, waits and is loaded now."""
    metrics.watch("calls_running", "gauge", "Calls that run now.", lambda: pipeline.running.count)
    watch_queue(metrics, pipeline.acquire)
    watch_resume(metrics, pipeline.resume.stats)
    labels, selections = ("endpoint", "reason"), metrics.calls.selections
    metrics.watch("selections", "counter", "Answered calls, by endpoint and why it was chosen.", selections, labels)

    def instances() -> dict[tuple[str, ...], float]:
        return {(str(state),): count for state, count in Counter(each.state for each in supervisor.snapshots()).items()}

    metrics.watch("instances", "gauge", "Models on this machine that have an instance, by its state.", instances, ("state",))


def watch_queue(metrics: Metrics, acquire: Acquire) -> None:
    """Show who waits, how full the queue is, and how waits ended; how long they took is in ``queue_wait``."""
    totals = acquire.totals

    def by_model() -> dict[tuple[str, ...], float]:
        return {(model,): count for model, count in acquire.waiting_by_model.items()}

    def states() -> dict[tuple[str, ...], float]:
        return {(str(each),): float(each is acquire.pressure) for each in Pressure}

    metrics.watch("queue_waiting", "gauge", "Calls that wait for a lease.", lambda: acquire.waiting_count)
    metrics.watch("queue_waiting_by_model", "gauge", "Calls that wait for a lease, by model.", by_model, ("model",))
    metrics.watch("queue_limit", "gauge", "Calls that may wait, over all models.", lambda: acquire.settings.queue_size)
    metrics.watch("queue_state", "gauge", "1 for how full the queue is: normal, warning or overloaded.", states, ("state",))
    metrics.watch("queue_waited", "counter", "Calls that got a lease after a wait.", lambda: totals.waited_total)
    metrics.watch("queue_timeouts", "counter", "Calls that waited in vain.", lambda: totals.timed_out_total)
    metrics.watch("queue_rejections", "counter", "Calls that were not allowed to wait.", lambda: totals.rejected_total)
