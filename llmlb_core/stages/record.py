"""Stage 9: what is kept of a call. It never fails and never waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from llmlb_core.contracts.observer import Feedback
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.records import Record
from llmlb_core.telemetry.access import AccessLog
from llmlb_core.telemetry.calls import CallMetrics
from llmlb_core.telemetry.delivery import Delivery


class Recorder:
    """Completes a call's record and hands it on: to the metrics, to feedback, to observers, to the access log."""

    def __init__(
        self,
        access: AccessLog | None,
        *,
        calls: CallMetrics | None = None,
        delivery: Delivery | None = None,
        feedbacks: Mapping[str, Feedback] | None = None,
        fault: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        """Hand records to those that are given.

        Args:
            access: The access log.
            calls: The cells of metrics.
            delivery: The way to observers.
            feedbacks: By name; kept as it is, so that one that is withdrawn is asked no more.
            fault: Told the name of a feedback that raised, and what.
        """
        self._access = access
        self._calls = calls
        self._delivery = delivery
        self._feedbacks: Mapping[str, Feedback] = {} if feedbacks is None else feedbacks
        self._fault = fault
        self._faults: list[tuple[str, Exception]] = []

    def __call__(self, record: Record, outlet: Outlet) -> None:
        """Deliver *record*."""
        record.duration_s = monotonic() - record.started_at
        record.bytes_out = outlet.bytes_out
        if self._calls is not None:
            self._calls.note(record)
        failed = False
        for name, feedback in self._feedbacks.items():
            try:
                feedback.on_end(record)
            except Exception as error:  # noqa: BLE001  # other people's code: its plugin's status says what it raised
                self._faults.append((name, error))
                failed = True
        if failed:
            self._tell_faults()
        if self._delivery is not None:
            self._delivery.put(record)
        if self._access is not None:
            self._access.write(record)

    def _tell_faults(self) -> None:
        """Afterwards: telling the host may change the mapping that was walked."""
        faults, self._faults = self._faults, []
        for name, error in faults:
            if self._fault is not None:
                self._fault(name, error)
