"""Whether a worker hangs: asked for a sign of life every few seconds, and silent for too long."""

from __future__ import annotations

import math

from llmlb_core.worker.limits import PING_S
from llmlb_core.worker.process import WorkerProcess


class HangWatch:
    """Counts the silence of one process, in time that this server was awake.

    Time in which the server itself did not run (a laptop that slept) is not the worker's silence.
    """

    def __init__(self, timeout_s: float) -> None:
        """Allow *timeout_s* of silence."""
        self._timeout_s = timeout_s
        self._ping_s = min(PING_S, timeout_s / 4)
        self._heard_count = 0
        self._silent_s = 0.0
        self._unasked_s = 0.0

    def is_hung(self, process: WorkerProcess, elapsed_s: float) -> bool:
        """Look at *process*, *elapsed_s* after the last look; asks it for a sign of life when one is due. True once."""
        if process.heard_count == 0:
            return False  # its interpreter starts; the deadline of loading holds
        if process.heard_count != self._heard_count:
            self._heard_count = process.heard_count
            self._silent_s = 0.0
        else:
            self._silent_s += elapsed_s
        if self._silent_s >= self._timeout_s:
            self._silent_s = -math.inf
            return True
        self._unasked_s += elapsed_s
        if self._unasked_s >= self._ping_s:
            self._unasked_s = 0.0
            process.ping()
        return False
