"""An event loop whose time jumps to the next event: nothing sleeps, nothing depends on the machine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, cast

START_S = 1000.0
"""The clock begins here, not at 0: nobody is to mistake the first moment for "never"."""


class Alarm:
    """Something that is to happen at a time, unless it is cancelled."""

    __slots__ = ("_args", "_callback", "at")

    def __init__(self, at: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Made by the loop."""
        self.at = at
        self._callback: Callable[..., object] | None = callback
        self._args = args

    def cancel(self) -> None:
        """Forget it."""
        self._callback, self._args = None, ()

    def ring(self) -> None:
        """Let it happen."""
        if self._callback is not None:
            self._callback(*self._args)

    @property
    def is_cancelled(self) -> bool:
        """Whether it will not happen."""
        return self._callback is None


class VirtualLoop:
    """Runs futures and tasks of asyncio on virtual time, one event after the other, in an order that never varies.

    Only what futures and tasks ask of their loop is there. The rest of an event loop is missing on purpose, so that a plugin that
    does input or output in a simulation fails at that line.

    Attributes:
        on_settled: Called whenever everything that can happen without time going on has happened; for whoever checks what holds.
    """

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self.on_settled: Callable[[], None] | None = None
        self._now = START_S
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._alarm_count = 0
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...], Context | None]] = deque()
        self._failure: BaseException | None = None
        # asyncio ignores what `call_soon` returns; one handle for all saves a microsecond a step
        self._asyncio = cast("asyncio.AbstractEventLoop", self)
        self._handle = asyncio.Handle(lambda: None, (), self._asyncio)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def at(self, moment: float, callback: Callable[..., object], *args: Any) -> Alarm:
        """Call *callback* at *moment*; alarms of one moment ring in the order in which they were set."""
        alarm = Alarm(moment, callback, args)
        self._alarm_count += 1
        heappush(self._alarms, (moment, self._alarm_count, alarm))
        return alarm

    def after(self, delay_s: float, callback: Callable[..., object]) -> Alarm:
        """Call *callback* in *delay_s*; what ``Acquire`` takes as its ``call_later``."""
        return self.at(self._now + delay_s, callback)

    def run(self) -> None:
        """Go on until nothing is left to happen.

        Raises:
            BaseException: What ``fail`` was told, or an alarm raised.
        """
        outer = asyncio._get_running_loop()  # noqa: SLF001  # documented for whoever writes event loops
        asyncio._set_running_loop(self._asyncio)  # noqa: SLF001
        alarms, ready = self._alarms, self._ready
        try:
            while self._failure is None:
                while ready:
                    callback, args, context = ready.popleft()
                    if context is None:
                        callback(*args)
                    else:
                        context.run(callback, *args)
                if self.on_settled is not None:
                    self.on_settled()
                if not alarms:
                    break
                moment, _, alarm = heappop(alarms)
                if not alarm.is_cancelled:
                    self._now = max(moment, self._now)
                    alarm.ring()
        finally:
            asyncio._set_running_loop(outer)  # noqa: SLF001
        if self._failure is not None:
            raise self._failure

    def fail(self, error: BaseException) -> None:
        """Stop the run; ``run`` raises *error*."""
        self._failure = self._failure or error

    # --- what futures and tasks of asyncio ask of their loop ------------------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Call *callback* before time goes on. The handle cannot cancel it."""
        self._ready.append((callback, args, context))
        return self._handle

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self._asyncio)

    def create_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return a task of this loop, begun before time goes on."""
        return asyncio.Task(coroutine, loop=self._asyncio)

    def get_debug(self) -> bool:
        """Never: debugging is the real loop's."""
        return False

    def is_closed(self) -> bool:
        """It has nothing to close."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Stop the run: an error that nobody awaited is a defect."""
        self.fail(context.get("exception") or RuntimeError(str(context.get("message"))))
