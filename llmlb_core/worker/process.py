"""One worker process, as the server holds it: spoken with, watched, ended. It never starts again; an instance makes another."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from attrs import frozen

from llmlb_core.domain.requests import CanonicalRequest
from llmlb_core.errors import CallError, EngineFailed, LLMLBError, ShuttingDown
from llmlb_core.worker import codec, faults
from llmlb_core.worker.channel import Channel, SocketChannel, open_pair
from llmlb_core.worker.environment import Command
from llmlb_core.worker.frames import Fault, Frame, FrameInvalid, Hello, Kind, Load, Ready
from llmlb_core.worker.launch import Launched, describe_exit, launch
from llmlb_core.worker.limits import CANCEL_S, PROTOCOL, TERMINATE_S
from llmlb_core.worker.stream import CallStream

log = logging.getLogger(__name__)
T = TypeVar("T")


@frozen
class Exit:
    """How a worker ended.

    Attributes:
        code: The exit code, negative for a signal.
        reason: Sentences for people, with the last words of what it printed.
        tail: The last lines it printed.
        is_for_cancel: Whether it was killed because a call went on after its cancel.
    """

    code: int
    reason: str
    tail: str = ""
    is_for_cancel: bool = False


class WorkerProcess:
    """One process that runs one model.

    Attributes:
        ended: Done when the process is gone and every stream was told; never with an exception.
        heard_count: Frames received; grows as long as the worker shows signs of life.
    """

    def __init__(self, command: Command, launched: Launched) -> None:
        """Hold *launched*; use ``spawn``."""
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Exit] = loop.create_future()
        self.heard_count = 0
        self._command = command
        self._launched = launched
        self._channel: Channel | None = None
        self._hello: asyncio.Future[Hello] = loop.create_future()
        self._loaded: asyncio.Future[Ready | LLMLBError] = loop.create_future()
        self._closed = asyncio.Event()
        self._streams: dict[int, CallStream] = {}
        self._numbers = itertools.count(1)
        self._verdict = ""
        self._is_for_cancel = False
        self._is_asked = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._keep(self._watch())

    @classmethod
    async def spawn(cls, command: Command) -> WorkerProcess:
        """Start the process; it loads nothing yet.

        Raises:
            EngineFailed: The interpreter cannot be started.
        """
        ours, theirs = open_pair()
        try:
            process = cls(command, await launch(command, theirs))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        try:
            process._channel = await SocketChannel.connect(ours, process)
        except BaseException:
            ours.close()
            process.kill("The server could not open its channel")
            raise
        return process

    @property
    def pid(self) -> int:
        """Of the process, which leads a session of its own."""
        return self._launched.pid

    @property
    def looks_dead(self) -> bool:
        """Whether the process is gone or going, perhaps before ``ended`` says so."""
        return bool(self._verdict) or self._closed.is_set() or self._launched.looks_dead

    @property
    def stream_count(self) -> int:
        """Calls that run in it now."""
        return len(self._streams)

    # --- speaking ----------------------------------------------------------------------------------------------------

    async def load(self, load: Load) -> Ready:
        """Load the model; may take minutes. The caller keeps the deadline, and kills the process when it passes.

        Raises:
            LLMLBError: It cannot be loaded: ``ModelFilesInvalid``, ``ModelTooLarge``, ``EngineFailed``.
        """
        hello = await self._answer(self._hello)
        if hello.protocol != PROTOCOL:
            raise EngineFailed(
                f"Model {self._command.model!r} cannot be run: {self._command.python!r} has llmlb-core {hello.version}, "
                f"which speaks worker protocol {hello.protocol}, expected {PROTOCOL}. "
                "Install the server's version of llmlb-core there."
            )
        self._send(Kind.LOAD, 0, codec.encode(load))
        outcome = await self._answer(self._loaded)
        if isinstance(outcome, LLMLBError):
            raise outcome
        return outcome

    async def _answer(self, wanted: asyncio.Future[T]) -> T:
        both: set[asyncio.Future[Any]] = {wanted, self.ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        raise EngineFailed(self.ended.result().reason)

    def open(self, request: CanonicalRequest) -> CallStream:
        """Begin a call. Sync, so that nothing comes between the look at the state and this."""
        number = next(self._numbers)
        payload = codec.encode_request(request)
        stream = CallStream(number, self._pay)
        self._streams[number] = stream
        self._send(Kind.OPEN, number, payload)
        return stream

    async def close(self, stream: CallStream) -> None:
        """End the call of *stream*; returns when nothing of it runs any more. Kills the process where that takes over 1 s.

        Goes on by itself where the caller is cancelled meanwhile.
        """
        if not stream.ended.is_set():
            await asyncio.shield(self._keep(self._cancel(stream)))

    async def _cancel(self, stream: CallStream) -> None:
        self._send(Kind.CANCEL, stream.number)
        try:
            async with asyncio.timeout(CANCEL_S):
                await stream.ended.wait()
        except TimeoutError:
            self._is_for_cancel = True
            self.kill(f"A call went on {CANCEL_S:g} s after its cancel, so the worker was killed")
            await asyncio.wait({self.ended})

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._send(Kind.PING)

    def _pay(self, number: int, count_bytes: int) -> None:
        self._send(Kind.CREDIT, number, codec.encode(count_bytes))

    def _send(self, kind: Kind, number: int = 0, payload: bytes = b"") -> None:
        if self._channel is not None:
            self._channel.send(kind, number, payload)

    # --- ending ------------------------------------------------------------------------------------------------------

    async def stop(self, grace_s: float) -> Exit:
        """Ask the worker to unload and end; SIGTERM after *grace_s*, SIGKILL 5 s later. Returns when it is gone."""
        self._is_asked = True
        self._verdict = self._verdict or "It was asked to stop"
        self._send(Kind.STOP)
        if not await self._is_gone(grace_s):
            await self.terminate("It did not stop when asked", TERMINATE_S)
        return self.ended.result()

    async def terminate(self, verdict: str, term_s: float = TERMINATE_S) -> Exit:
        """End the worker: SIGTERM, then SIGKILL after *term_s*. Returns when it is gone."""
        self._verdict = self._verdict or verdict
        self._launched.signal(signal.SIGTERM)
        if not await self._is_gone(term_s):
            self._launched.signal(signal.SIGKILL)
            await asyncio.wait({self.ended})
        return self.ended.result()

    def kill(self, verdict: str) -> None:
        """End the worker now; ``ended`` tells when."""
        self._verdict = self._verdict or verdict
        self._launched.signal(signal.SIGKILL)

    async def _is_gone(self, within_s: float) -> bool:
        done, _ = await asyncio.wait({self.ended}, timeout=within_s)
        return bool(done)

    async def _watch(self) -> None:
        closed = asyncio.ensure_future(self._closed.wait())
        both: set[asyncio.Future[Any]] = {closed, self._launched.exited}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        # A worker without a channel is of no use; one that ended may have left frames that are still to be read.
        await asyncio.wait(both, timeout=1.0)
        self._launched.signal(signal.SIGKILL)
        code = await self._launched.exited
        self._launched.sweep()
        closed.cancel()
        await self._launched.output.finished(0.5)
        if self._channel is not None:
            self._channel.close()
        exit_ = Exit(code, self._reason(code), self._launched.output.tail(), self._is_for_cancel)
        streams, self._streams = self._streams, {}
        self.ended.set_result(exit_)  # first, so that whoever reads an error finds the state that it left
        for stream in streams.values():
            stream.finish(self._parting(exit_))

    def _parting(self, exit_: Exit) -> CallError:
        """What the calls that ran in it are told."""
        if self._is_asked:
            return ShuttingDown(f"Model {self._command.model!r} was unloaded while it answered. Try again.")
        return EngineFailed(exit_.reason)

    def _reason(self, code: int) -> str:
        command, words = self._command, self._launched.output.last_words()
        if not self._hello.done() and "llmlb_core" in words and "No module named" in words:
            return (
                f"Model {command.model!r} cannot be run: the interpreter {command.python!r} has no llmlb-core. "
                f"Run `{command.python} -m pip install llmlb-core` and install the engine's plugin there too."
            )
        what = self._verdict or f"Its worker process {describe_exit(code)}"
        said = f" Its last words: {words.rstrip('.')}." if words else ""
        return f"Model {command.model!r} failed. {what}. Call it again to start it again.{said}"

    # --- hearing -----------------------------------------------------------------------------------------------------

    def on_frame(self, frame: Frame) -> None:
        """Take a frame from the worker."""
        self.heard_count += 1
        stream = self._streams.get(frame.number)
        match frame.kind:
            case Kind.OPEN if stream is not None:
                stream.has_begun = True
            case Kind.DELTA if stream is not None:
                stream.feed(codec.decode_delta(frame.payload), len(frame.payload))
            case Kind.VECTORS if stream is not None:
                stream.feed(codec.decode_vectors(frame.payload), len(frame.payload))
            case Kind.MEDIA if stream is not None:
                stream.feed(codec.decode_media(frame.payload), len(frame.payload))
            case Kind.END if stream is not None:
                self._finish(stream, None)
            case Kind.FAULT:
                self._on_fault(codec.decode(frame.payload, Fault), frame.number, stream)
            case Kind.HELLO if not self._hello.done():
                self._hello.set_result(codec.decode(frame.payload, Hello))
            case Kind.READY if not self._loaded.done():
                self._loaded.set_result(codec.decode(frame.payload, Ready))
            case _:
                pass  # a pong is counted; the rest belongs to calls that are over

    def _on_fault(self, fault: Fault, number: int, stream: CallStream | None) -> None:
        if fault.traceback is not None:
            log.error("%s\n%s", fault.message, fault.traceback, extra={"event": "engine_raised", "model": self._command.model})
        error = faults.rebuild(fault)
        if stream is not None:
            self._finish(stream, error if isinstance(error, CallError) else EngineFailed(error.message))
        elif number == 0 and not self._loaded.done():
            self._loaded.set_result(error)

    def on_closed(self, error: Exception | None) -> None:
        """The channel is gone; the process follows."""
        if error is not None and not self._verdict:
            if isinstance(error, FrameInvalid):
                self._verdict = f"Its worker sent what is no frame ({error}) and was ended"
            log.warning("worker channel broke: %s", error, extra={"event": "worker_channel_broken", "model": self._command.model})
        self._closed.set()

    def _finish(self, stream: CallStream, error: CallError | None) -> None:
        del self._streams[stream.number]
        stream.finish(error)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
