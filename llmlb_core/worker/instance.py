"""One model on this machine, as an endpoint."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

from llmlb_core.contracts.endpoint import Endpoint, Result
from llmlb_core.domain.calls import Call
from llmlb_core.errors import EngineFailed, InternalError, InvalidRequest
from llmlb_core.worker.lifecycle import Lifecycle
from llmlb_core.worker.limits import resident_bytes
from llmlb_core.worker.loading import Spec
from llmlb_core.worker.snapshot import InstanceSnapshot, State
from llmlb_core.worker.surroundings import Surroundings


class Instance(Lifecycle, Endpoint):
    """A model on this machine that calls can be sent to; its worker is started by the first."""

    kind = "local"

    def __init__(self, spec: Spec, surroundings: Surroundings) -> None:
        """Describe the model of *spec*; nothing is started."""
        super().__init__(spec, surroundings)
        self.id = f"local:{spec.model.id}"
        self.in_flight = 0

    @property
    def max_in_flight(self) -> int:
        """What the loaded engine takes; before that, what settings or the engine's class say."""
        if self._ready is not None:
            return self._ready.max_concurrency
        return self.spec.model.parallel_count or self.spec.engine.max_concurrency

    @property
    def unroutable_reason(self) -> str | None:
        """Why no call may come: it failed and waits before the next try, or the server stops."""
        if self._is_closing:
            return "the server stops"
        if self.state is State.FAILED and self._backoff.remaining_s > 0:
            return f"{self.reason} Next try in {self._backoff.remaining_s:.0f} s."
        return None

    def context_tokens(self, model: str) -> int | None:
        """What the loaded engine has; before that, what settings say."""
        del model
        return self._ready.context_tokens if self._ready is not None else self.spec.model.context_tokens

    async def open(self, call: Call, model: str) -> AsyncGenerator[Result, None]:
        """Run *call* in the worker, which is started where it does not run.

        Raises:
            ModelLoading: It still loads after ``workers.warmup_wait_s``; loading goes on.
            EngineFailed: It cannot be loaded, or its worker died.
            NoEndpoint: There is no room for it now.
            CallError: What the engine says of the request.
        """
        del model
        if call.request is None:
            raise InternalError(f"Call {call.id} reached model {self.name!r} without a canonical request.")
        for is_last_try in (False, True):
            await self.ensure_ready(min(self._around.settings.warmup_wait_s, call.deadline_at - time.monotonic()))
            # No await since ready was seen: the process that gets the call is the one that was looked at.
            assert self._process is not None
            process, stream = self._process, self._process.open(call.request)
            self.last_used_at = time.monotonic()
            try:
                while (result := await stream.next()) is not None:
                    yield result
                self._backoff.healthy()
            except EngineFailed:
                # It died before it took the call: nothing of it ever ran, so another worker may.
                if stream.has_begun or is_last_try:
                    raise
            except InvalidRequest as error:
                if error.param is not None:
                    error.param = call.dialect.param(call, error.param)
                raise
            else:
                return
            finally:
                try:
                    await process.close(stream)
                finally:
                    self.last_used_at = time.monotonic()
                    self._announce()

    def snapshot(self) -> InstanceSnapshot:
        """Return what it is now."""
        process, ready, spec = self._process, self._ready, self.spec
        remaining_s = self._backoff.remaining_s if self.state is State.FAILED else None
        return InstanceSnapshot(
            id=self.id,
            model=self.name,
            engine=spec.engine.name,
            plugin=spec.plugin,
            state=self.state,
            reason=self.reason,
            last_failure=self._last_exit.reason if self._last_exit else None,
            output_tail=self._last_exit.tail if self._last_exit else "",
            pid=process.pid if process else None,
            memory_bytes=(resident_bytes(process.pid) or self.estimate_bytes) if process else None,
            max_in_flight=self.max_in_flight,
            in_flight=self.in_flight,
            running_count=process.stream_count if process else 0,
            context_tokens=ready.context_tokens if ready else None,
            load_s=ready.load_s if ready else None,
            loaded_at=self._loaded_at,
            last_used_at=time.time() - (time.monotonic() - self.last_used_at),
            next_try_at=None if remaining_s is None else time.time() + remaining_s,
            crash_count=self._crash_count,
        )
