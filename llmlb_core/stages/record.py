"""Stage 9: what is kept of a call. It never fails and never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from attrs import evolve

from llmlb_core.contracts.observer import Feedback
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.records import Record
from llmlb_core.domain.results import counted
from llmlb_core.telemetry.access import AccessLog
from llmlb_core.telemetry.calls import CallMetrics
from llmlb_core.telemetry.delivery import Delivery

FLUSH_S = 0.25
BATCH = 500
"""Records that are kept back at most; fewer for a quarter of a second."""


class Recorder:
    """Completes a call's record and hands it on: to feedback at once; in batches to metrics, observers and the access log."""

    def __init__(
        self,
        access: AccessLog | None,
        *,
        calls: CallMetrics | None = None,
        delivery: Delivery | None = None,
        feedbacks: Mapping[str, Feedback] | None = None,
        fault: Callable[[str, BaseException], None] | None = None,
        takers: Sequence[Callable[[Sequence[Record]], None]] = (),
    ) -> None:
        """Hand records to those that are given.

        Args:
            access: The access log.
            calls: The cells of metrics.
            delivery: The way to observers.
            feedbacks: By name; kept as it is, so that one that is withdrawn is asked no more.
            fault: Told the name of a feedback that raised, and what.
            takers: Others that are given records, in batches.
        """
        self._takers: list[Callable[[Sequence[Record]], None]] = []
        if calls is not None:
            calls.before_read = self.flush
            self._takers.append(lambda records: calls.note(*records))
        self._takers += takers
        if delivery is not None:
            self._takers.append(delivery.take)
        if access is not None:
            self._takers.append(access.take)
        self._pending: list[Record] = []
        self._timer: asyncio.TimerHandle | None = None
        self._feedbacks: Mapping[str, Feedback] = {} if feedbacks is None else feedbacks
        self._fault = fault
        self._faults: list[tuple[str, Exception]] = []

    def __call__(self, record: Record, outlet: Outlet) -> None:
        """Deliver *record*."""
        record.duration_s = monotonic() - record.started_at
        record.bytes_out = outlet.bytes_out
        if record.usage is None or record.ending != "finished":
            _settle(record)
        failed = False
        for name, feedback in self._feedbacks.items():
            try:
                feedback.on_end(record)
            except Exception as error:  # noqa: BLE001  # other people's code: its plugin's status says what it raised
                self._faults.append((name, error))
                failed = True
        if failed:
            self._tell_faults()
        pending = self._pending
        pending.append(record)
        if len(pending) >= BATCH:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Hand on what is kept back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            records, self._pending = self._pending, []
            for take in self._takers:
                take(records)

    def _tell_faults(self) -> None:
        """Afterwards: telling the host may change the mapping that was walked."""
        faults, self._faults = self._faults, []
        for name, error in faults:
            if self._fault is not None:
                self._fault(name, error)


def _settle(record: Record) -> None:
    """Count usage that nobody told, and mark that of a call which ended before its answer did."""
    usage, delivered = record.usage, record.delivered
    if usage is None and delivered is not None and (delivered.events or delivered.characters):
        usage = counted(delivered)
    if usage is not None and record.ending != "finished" and not usage.is_partial:
        usage = evolve(usage, is_partial=True)
    record.usage = usage
