"""The worker's side of the channel: loads one model, runs the calls it is sent, and ends.

Its loop answers pings and cancels while engine code runs in threads. It imports neither the web nor storage, nor any plugin but
the one it was started for. It always ends by ``os._exit``: engine threads that hang hold nobody up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Coroutine
from typing import Any, NoReturn

from llmlb_core.contracts.engine import Cancel, Engine
from llmlb_core.domain.models import LocalModel
from llmlb_core.errors import CallError, LLMLBError, ShuttingDown
from llmlb_core.version import __version__
from llmlb_core.worker import codec, faults
from llmlb_core.worker.channel import Channel, SocketChannel, connect_child
from llmlb_core.worker.frames import Fault, Frame, Hello, Kind, Load, Ready
from llmlb_core.worker.generation import generate
from llmlb_core.worker.guards import guard_process, watch_channel
from llmlb_core.worker.limits import PROTOCOL
from llmlb_core.worker.lookup import find_engine
from llmlb_core.worker.window import Window

log = logging.getLogger(__name__)
STOP_CALLS_S = 1.0


class RunningCall:
    """One call: how to cancel it, and how much of it may be sent."""

    def __init__(self) -> None:
        """Begin."""
        self.cancel = Cancel()
        self.window = Window()
        self.task: asyncio.Task[None] | None = None


class Child:
    """This process."""

    def __init__(self, plugin: str, engine: str) -> None:
        """Serve *engine* of *plugin*."""
        self._plugin = plugin
        self._engine_name = engine
        self._engine: Engine | None = None
        self._model: LocalModel | None = None
        self._channel: Channel | None = None
        self._calls: dict[int, RunningCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def serve(self, sock: socket.socket) -> None:
        """Serve the channel for ever; the process ends elsewhere."""
        self._channel = await SocketChannel.connect(sock, self)
        self._send(Kind.HELLO, 0, codec.encode(Hello(PROTOCOL, __version__, os.getpid(), sys.version.split()[0])))
        await asyncio.get_running_loop().create_future()

    # --- hearing -----------------------------------------------------------------------------------------------------

    def on_frame(self, frame: Frame) -> None:
        """Take a frame from the server."""
        call = self._calls.get(frame.number)
        match frame.kind:
            case Kind.PING:
                self._send(Kind.PING)
            case Kind.OPEN:
                self._send(Kind.OPEN, frame.number)
                call = self._calls[frame.number] = RunningCall()
                call.task = self._keep(self._run(frame.number, call, frame.payload))
            case Kind.CANCEL if call is not None:
                call.cancel.set()
                call.window.open()
            case Kind.CREDIT if call is not None:
                call.window.pay(codec.decode(frame.payload, int))
            case Kind.LOAD:
                self._keep(self._load(codec.decode(frame.payload, Load)))
            case Kind.STOP:
                self._keep(self._stop())
            case _:
                pass  # belongs to a call that is over

    def on_closed(self, error: Exception | None) -> None:
        """The server is gone."""
        if error is not None:
            log.error("the channel to the server broke: %s", error)
        end(1)

    # --- doing -------------------------------------------------------------------------------------------------------

    async def _load(self, load: Load) -> None:
        began_at = time.monotonic()
        self._model = load.model
        try:
            self._engine = await asyncio.to_thread(self._load_engine, load)
        except LLMLBError as error:
            self._fault(0, faults.describe(error))
        except Exception as error:  # noqa: BLE001  # engine code; the server logs the traceback
            self._fault(0, faults.raised(faults.load_failure(error, load.model.id, self._engine_name), error))
        else:
            ready = Ready(max(1, self._engine.max_concurrency), self._engine.context_tokens, time.monotonic() - began_at)
            self._send(Kind.READY, 0, codec.encode(ready))

    def _load_engine(self, load: Load) -> Engine:
        cls = find_engine(self._plugin, self._engine_name, load.data_dir)
        options = None
        if cls.options_class is not None:
            from llmlb_core.settings.load import structure_table

            options = structure_table(cls.options_class, load.model.options, ("models", load.model.id, "options"), None)
        engine = cls()
        engine.load(load.model, load.placement, options)
        return engine

    async def _run(self, number: int, call: RunningCall, payload: bytes) -> None:
        engine, model = self._engine, self._model
        assert engine is not None
        assert model is not None
        fault: Fault | None = None
        try:
            async for result in generate(engine, model, codec.decode_request(payload), call.cancel):
                if call.cancel.is_set:
                    continue  # nobody reads it; the engine ends soon
                kind, encoded = codec.encode_result(result)
                self._send(kind, number, encoded)
                await call.window.spend(len(encoded))
        except CallError as error:
            fault = faults.describe(error)
        except Exception as error:  # noqa: BLE001  # as above
            fault = faults.raised(faults.foreign(error, model.id, self._engine_name), error)
        finally:
            del self._calls[number]
        if self._is_stopping:
            fault = faults.describe(ShuttingDown("The model was unloaded while it answered. Try again."))
        if fault is None:
            self._send(Kind.END, number)
        else:
            self._fault(number, fault)

    async def _stop(self) -> NoReturn:
        self._is_stopping = True
        calls = tuple(self._calls.values())
        for call in calls:
            call.cancel.set()
            call.window.open()
        tasks = {call.task for call in calls if call.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_CALLS_S)
        if self._engine is not None:
            try:
                await asyncio.to_thread(self._engine.unload)
            except Exception:
                log.exception("engine %s raised in unload", self._engine_name)
        if self._channel is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_CALLS_S):
                    await self._channel.drained()
        end(0)

    def _fault(self, number: int, fault: Fault) -> None:
        self._send(Kind.FAULT, number, codec.encode(fault))

    def _send(self, kind: Kind, number: int = 0, payload: bytes = b"") -> None:
        assert self._channel is not None
        self._channel.send(kind, number, payload)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def end(code: int) -> NoReturn:
    """End the process now, engine threads or not."""
    logging.shutdown()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run(plugin: str, engine: str, address: str) -> NoReturn:
    """Be the worker of *engine* at the channel *address*, until told to stop or until the server is gone."""
    guard_process()
    level = os.environ.get("LLMLB_LOG_LEVEL", "info").upper()
    known = level if level in logging.getLevelNamesMapping() else "INFO"
    logging.basicConfig(level=known, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sock = connect_child(address)
    watch_channel(sock)
    asyncio.run(Child(plugin, engine).serve(sock))
    end(0)
