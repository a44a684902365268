"""The life of one model on this machine: a state machine around at most one worker process.

::

    stopped ──call──▶ starting ──loaded──▶ ready ──unload──▶ draining ──calls over──▶ stopping ──▶ stopped
                       │   ▲                │
                       │   └─ first crash ──┤
                       ▼                    ▼
                      failed ◀──── crash ───┘            failed ──call, after the back-off──▶ starting

``ensure_ready`` decides here, so that callers never look first. Every change of state happens without an await in between.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any

from llmlb_core.errors import CallError, EngineFailed, LLMLBError, ModelLoading, NoEndpoint, ShuttingDown
from llmlb_core.worker import faults
from llmlb_core.worker.backoff import Backoff
from llmlb_core.worker.changes import Changes
from llmlb_core.worker.frames import Ready
from llmlb_core.worker.hang import HangWatch
from llmlb_core.worker.limits import STOP_S, resident_bytes
from llmlb_core.worker.loading import Spec, check_options, load_worker
from llmlb_core.worker.process import Exit, WorkerProcess
from llmlb_core.worker.snapshot import State
from llmlb_core.worker.surroundings import Surroundings

log = logging.getLogger(__name__)
LOADING_RETRY_S = 10.0


class Lifecycle:
    """A model that is loaded when it is wanted, and unloaded when it is not.

    Attributes:
        name: The model's id.
        spec: What it runs.
        state: Where it is in its life.
        reason: Why it failed or has no room, for people; else None.
        in_flight: Calls that hold a lease; only the stage ``acquire`` changes it.
        last_used_at: ``time.monotonic()`` when a call of it last began or ended.
    """

    in_flight: int = 0

    def __init__(self, spec: Spec, surroundings: Surroundings) -> None:
        """Describe the model of *spec*; nothing is started."""
        self.name = spec.model.id
        self.spec = spec
        self.state = State.STOPPED
        self.reason: str | None = None
        self.last_used_at = time.monotonic()
        self._around = surroundings
        self._process: WorkerProcess | None = None
        self._ready: Ready | None = None
        self._attempt: asyncio.Future[CallError | None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._changes = Changes()
        self._backoff = Backoff()
        self._hang = HangWatch(surroundings.settings.hang_timeout_s)
        self._last_exit: Exit | None = None
        self._crash_count = 0
        self._loaded_at: float | None = None
        self._is_closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- starting ----------------------------------------------------------------------------------------------------

    async def ensure_ready(self, deadline_s: float | None = None) -> None:
        """Return when the model is loaded; many callers share one start, and none of them can abort it.

        Args:
            deadline_s: How long to wait; None = ``workers.warmup_wait_s``.

        Raises:
            ModelLoading: Not loaded by then; loading goes on.
            EngineFailed: It failed just now, or before and its next try is not due.
            NoEndpoint: There is no room for it now.
            ShuttingDown: The server stops.
        """
        wait_s = self._around.settings.warmup_wait_s if deadline_s is None else deadline_s
        end_at = time.monotonic() + wait_s
        while True:
            if self._is_closing:
                raise ShuttingDown("The server stops and loads no more models. Try again soon.", retry_after_s=LOADING_RETRY_S)
            if self.state is State.READY and self._process is not None and not self._process.looks_dead:
                return
            if self.state is State.FAILED and self._backoff.remaining_s > 0:
                raise self._refusal()
            if self.state in {State.STOPPED, State.FAILED}:
                self._begin()
            attempt = self._attempt if self.state is State.STARTING else None
            remaining_s = end_at - time.monotonic()
            if remaining_s <= 0 or not await self._progress(attempt, remaining_s):
                raise ModelLoading(
                    f"Model {self.name!r} is still loading after {wait_s:.0f} s. Loading goes on; try again soon.",
                    retry_after_s=LOADING_RETRY_S,
                )
            if attempt is not None and (error := attempt.result()) is not None:
                raise faults.copy(error)

    def begin(self) -> None:
        """Begin to load where nothing speaks against it; nobody waits. For models to be preloaded."""
        if self.state is State.STOPPED and not self._is_closing:
            self._begin()

    async def _progress(self, attempt: asyncio.Future[CallError | None] | None, within_s: float) -> bool:
        if attempt is not None:
            done, _ = await asyncio.wait({attempt}, timeout=within_s)
            return bool(done)
        return await self._changes.next(within_s)

    def _begin(self) -> None:
        attempt: asyncio.Future[CallError | None] = asyncio.get_running_loop().create_future()
        self._attempt = attempt
        self._set(State.STARTING)
        self._starting = self._keep(self._start(attempt))

    async def _start(self, attempt: asyncio.Future[CallError | None]) -> None:
        error: CallError | None = None
        try:
            await self._load()
        except asyncio.CancelledError:
            error = ShuttingDown(f"Loading of model {self.name!r} was given up. Try again.", retry_after_s=LOADING_RETRY_S)
            self._set(State.STOPPED)
            raise
        except NoEndpoint as full:
            error = full
            self._set(State.STOPPED, full.message)
        except LLMLBError as failure:
            error = self._fail(failure.message, self._backoff.failed_to_load())
        except Exception as failure:  # the options class and `fit` are other people's code
            log.exception("model %s cannot be started", self.name, extra={"event": "model_failed", "model": self.name})
            foreign = faults.load_failure(failure, self.name, self.spec.engine.name)
            error = self._fail(foreign.message, self._backoff.failed_to_load())
        finally:
            if not attempt.done():
                attempt.set_result(error)

    async def _load(self) -> None:
        around, process = self._around, None
        check_options(self.spec)
        await around.residency.admit(self)
        try:
            process = self._process = await WorkerProcess.spawn(self.spec.command)
            self._hang = HangWatch(around.settings.hang_timeout_s)
            self._ready = await load_worker(self.spec, around.settings, around.data_dir, process)
            await around.residency.settle(self)
        except BaseException as error:
            self._ready = None
            if process is not None:
                process.kill(f"Loading was given up ({type(error).__name__})")
                await asyncio.wait({process.ended})
                self._last_exit, self._process = process.ended.result(), None
            around.residency.leave(self)
            raise
        self._loaded_at = time.time()
        self.last_used_at = time.monotonic()
        self._set(State.READY)
        process.ended.add_done_callback(lambda ended: self._on_ended(process, ended.result()))

    # --- ending ------------------------------------------------------------------------------------------------------

    async def unload(self, deadline_s: float = 30.0) -> bool:
        """Unload when the running calls are over; calls that come meanwhile wait and load it again.

        Returns:
            False where calls still run after *deadline_s*: then it stays loaded.
        """
        end_at = time.monotonic() + deadline_s
        while True:
            if self.state in {State.STOPPED, State.FAILED}:
                return True
            process = self._process
            if self.state in {State.READY, State.DRAINING} and process is not None:
                if process.stream_count == 0:
                    await asyncio.shield(self._retire(process))
                    return True
                if self.state is State.READY:
                    self._set(State.DRAINING)
            remaining_s = end_at - time.monotonic()
            attempt = self._attempt if self.state is State.STARTING else None
            if remaining_s <= 0 or not await self._progress(attempt, remaining_s):
                if self.state is State.DRAINING:
                    self._set(State.READY)
                return False

    async def unload_idle(self) -> None:
        """Unload where nobody uses it; returns when its memory is free."""
        if self.is_idle and self._process is not None:
            await asyncio.shield(self._retire(self._process))

    async def shut_down(self, grace_s: float) -> None:
        """End for good; calls that run get ``ShuttingDown``. Returns when no process is left."""
        self._is_closing = True
        self._announce()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._process is not None:
            await self._retire(self._process, grace_s)

    def _retire(self, process: WorkerProcess, grace_s: float = STOP_S) -> asyncio.Task[None]:
        self._set(State.STOPPING)

        async def stop() -> None:
            await process.stop(grace_s)
            self._gone()
            self._set(State.STOPPED)

        return self._keep(stop())

    def _on_ended(self, process: WorkerProcess, exit_: Exit) -> None:
        if self._process is not process or self.state is State.STOPPING:
            return
        self._gone()
        self._last_exit = exit_
        self._crash_count += 1
        facts = {"event": "worker_died", "model": self.name, "exit_code": exit_.code, "output_tail": exit_.tail}
        log.error("worker of model %s is gone: %s", self.name, exit_.reason, extra=facts)
        if self._is_closing or self.state is State.DRAINING:
            self._set(State.STOPPED)
            return
        delay_s = 0.0 if exit_.is_for_cancel else self._backoff.crashed()
        if delay_s == 0:
            self._begin()  # it worked: people wait for it
        else:
            self._fail(exit_.reason, delay_s)

    def _gone(self) -> None:
        self._process = self._ready = self._loaded_at = None
        self._around.residency.leave(self)

    def _fail(self, reason: str, delay_s: float) -> EngineFailed:
        self._set(State.FAILED, reason)
        asyncio.get_running_loop().call_later(delay_s, self._announce)  # it is routable again then
        log.error("model %s failed: %s", self.name, reason, extra={"event": "model_failed", "model": self.name, "delay_s": delay_s})
        return self._refusal()

    def _refusal(self) -> EngineFailed:
        remaining_s = self._backoff.remaining_s
        return EngineFailed(f"{self.reason} Next try in {remaining_s:.0f} s.", retry_after_s=max(1.0, remaining_s))

    # --- looked after by the supervisor ------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded, runs no call and no lease is held on it."""
        is_unused = self._process is not None and self._process.stream_count == 0 and self.in_flight == 0
        return self.state is State.READY and is_unused and not self._is_closing

    @property
    def estimate_bytes(self) -> int:
        """What the engine said that the loaded model takes."""
        return self.spec.fit.memory_bytes

    @property
    def measured_bytes(self) -> int | None:
        """Resident set of its loaded worker."""
        if self._ready is None or self._process is None:
            return None
        return resident_bytes(self._process.pid)

    def tick(self, elapsed_s: float) -> None:
        """Look for a hang and for idleness; called every second or so."""
        process = self._process
        if process is None or self.state is State.STOPPING:
            return
        # While it loads, the deadline of loading holds: a library may keep the interpreter busy for all of it.
        if self.state is not State.STARTING and self._hang.is_hung(process, elapsed_s):
            self._keep(self._end_hung(process))
        idle_s = self.spec.model.idle_unload_s
        idle_s = self._around.settings.idle_unload_s if idle_s is None else idle_s
        if idle_s and self.is_idle and time.monotonic() - self.last_used_at >= idle_s:
            self._retire(process)

    async def _end_hung(self, process: WorkerProcess) -> None:
        await process.terminate(f"Its worker gave no sign of life for {self._around.settings.hang_timeout_s:g} s and was ended")

    def _set(self, state: State, reason: str | None = None) -> None:
        self.state = state
        self.reason = reason
        self._announce()

    def _announce(self) -> None:
        self._changes.happen()
        self._around.changed(self)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
