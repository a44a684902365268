"""Generating: calls that run at one endpoint share its tokens per second."""

from __future__ import annotations

from asyncio import Future
from heapq import heappop, heappush

from llmlb_core.simulate.loop import Alarm, VirtualLoop

_NEARLY = 1e-6
"""Tokens that rounding may leave over."""


class Decoding:
    """Equal shares: each of *n* calls gets ``min(call's ceiling, total / n)`` tokens per second.

    It counts what a call that was always there would have got; a call is done when that count has grown by its tokens. So a call
    that comes or goes costs one step, however many run.
    """

    __slots__ = ("_alarm", "_ceiling", "_count", "_got", "_loop", "_running", "_since", "_total")

    def __init__(self, loop: VirtualLoop, tokens_per_s: float, call_tokens_per_s: float) -> None:
        """Generate *tokens_per_s* in all and at most *call_tokens_per_s* for one call."""
        self._loop = loop
        self._total = tokens_per_s
        self._ceiling = call_tokens_per_s
        self._running: list[tuple[float, int, Future[None]]] = []
        self._count = 0
        self._got = 0.0
        self._since = 0.0
        self._alarm: Alarm | None = None

    def add(self, tokens: int, done: Future[None]) -> None:
        """Generate *tokens* for one more call, then set *done*."""
        self._pass_time()
        if not self._running:
            self._got = 0.0  # small numbers keep their precision
        self._count += 1
        heappush(self._running, (self._got + tokens, self._count, done))
        # A call more never makes another's end earlier: an alarm that rings too early looks again.
        due = self._due()
        if self._alarm is None or due < self._alarm.at:
            self._set_alarm(due)

    def break_off(self, error: Exception) -> None:
        """Fail every call that runs."""
        running, self._running = self._running, []
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for _, _, done in running:
            done.set_exception(error)

    @property
    def _rate(self) -> float:
        return min(self._ceiling, self._total / len(self._running))

    def _due(self) -> float:
        return self._loop.time() + max(0.0, self._running[0][0] - self._got) / self._rate

    def _pass_time(self) -> None:
        now = self._loop.time()
        if self._running:
            self._got += (now - self._since) * self._rate
        self._since = now

    def _set_alarm(self, due: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._pass_time()
        running, now = self._running, self._loop.time()
        # The second condition: what is left takes less time than a clock of this size can show.
        while running and (running[0][0] <= self._got + _NEARLY or self._due() <= now):
            _, _, done = heappop(running)
            done.set_result(None)
        if running:
            self._set_alarm(self._due())
