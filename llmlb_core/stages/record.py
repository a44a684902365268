"""Stage 9: what is kept of a call. It never fails and never waits."""

from __future__ import annotations

import time

from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.records import Record
from llmlb_core.telemetry.access import AccessLog


class Recorder:
    """Completes a call's record and hands it on."""

    def __init__(self, access: AccessLog | None) -> None:
        """Write to *access*, where there is one."""
        self._access = access

    def __call__(self, record: Record, outlet: Outlet) -> None:
        """Deliver *record*."""
        record.duration_s = time.monotonic() - record.started_at
        record.bytes_out = outlet.bytes_out
        if self._access is not None:
            self._access.write(record)
