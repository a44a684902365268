"""The recorder process, as the server holds it: started, watched, started again, ended."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from llmlb_core import get_logger, worker_environment
from llmlb_storage_history.bodies.frames import Begin, FrameInvalid, ProgressReader, head_of
from llmlb_storage_history.bodies.sink import BodyKeeper

FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 60.0
HEALTHY_S = 60.0
"""One that ran so long did well: what comes next is a first failure again."""
CLOSE_S = 5.0
KILL_S = 2.0
_MAX_WORDS_BYTES = 4096
_log = get_logger("storage_history")


class Recorder:
    """Keeps one recorder running and *keeper* connected to it.

    Attributes:
        pid: Of the process that runs now, None between two.
    """

    def __init__(self, keeper: BodyKeeper, begin: Begin, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        """Serve *keeper*; every process is told *begin*."""
        self.pid: int | None = None
        self._keeper = keeper
        self._begin = begin
        self._first_pause_s = first_pause_s
        self._is_closing = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it inside the block; at its end let it write what is left, for at most five seconds."""
        task = asyncio.create_task(self._follow(), name="storage_history recorder")
        try:
            yield
        finally:
            self._is_closing.set()
            try:
                await asyncio.wait({task}, timeout=CLOSE_S)
            finally:
                lost_count = self._keeper.unfinished_count
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                self._keeper.give_up()
            if lost_count:
                _log.error("bodies_lost", calls=lost_count)

    async def _finish(self, line: _Line) -> None:
        """When the server stops, send what waits, then the end of it."""
        await self._is_closing.wait()
        while self._keeper.waiting_count and not line.lost.is_set():
            await line.writable.wait()  # where something waits, the line is full: the keeper saw to that
        line.finish()

    async def _follow(self) -> None:
        pause_s = self._first_pause_s
        loop = asyncio.get_running_loop()
        # Once more where the server stops and something waits.
        while not self._is_closing.is_set() or self._keeper.waiting_count:
            began_at = loop.time()
            reason = await self._run()
            if self._is_closing.is_set():
                return
            self._keeper.failure_count += 1
            if loop.time() - began_at >= HEALTHY_S:
                pause_s = self._first_pause_s
            _log.error("recorder_ended", reason=reason, again_in_s=pause_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)

    async def _run(self) -> str:
        """Run one process to its end; return how it ended."""
        ours, theirs = socket.socketpair()
        try:
            process = await _start(theirs)
        except OSError as error:
            ours.close()
            return f"it cannot be started: {error.strerror}"
        finally:
            theirs.close()
        words = asyncio.create_task(_read(process.stderr), name="storage_history recorder output")
        line = _Line(self._keeper)
        finishing: asyncio.Task[None] | None = None
        try:
            ours.setblocking(False)
            await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=ours)
            self.pid = process.pid
            line.write(head_of(self._begin))
            self._keeper.attach(line)
            finishing = asyncio.create_task(self._finish(line), name="storage_history recorder end")
            await process.wait()
            with suppress(TimeoutError):  # what it sent last is still to be read
                await asyncio.wait_for(line.lost.wait(), KILL_S)
        finally:
            self.pid = None
            if finishing is not None:
                finishing.cancel()
            line.close()
            self._keeper.detach()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await asyncio.shield(process.wait())
            words.cancel()
        said = words.result() if words.done() and not words.cancelled() else ""
        code = process.returncode
        return f"it {f'exited with code {code}' if code is None or code >= 0 else f'was ended by signal {-code}'}{said}"


class _Line(asyncio.Protocol):
    """The server's end of the socket.

    Attributes:
        writable: Set while the socket takes more.
        lost: Set when it is closed.
    """

    def __init__(self, keeper: BodyKeeper) -> None:
        self.writable, self.lost = asyncio.Event(), asyncio.Event()
        self.writable.set()
        self._keeper = keeper
        self._reader = ProgressReader()
        self._transport: asyncio.Transport | None = None
        self._is_database_lost = False

    @property
    def is_writable(self) -> bool:
        return self.writable.is_set() and not self.lost.is_set()

    def write(self, *parts: bytes | bytearray) -> None:
        if self._transport is not None and not self._transport.is_closing():
            for part in parts:
                if part:
                    self._transport.write(part)

    def finish(self) -> None:
        """Nothing more will come; the recorder writes what it has and ends."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, but have the same methods.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            for progress in self._reader.feed(data):
                self._keeper.progressed(progress)
                if progress.is_database_lost is not self._is_database_lost:
                    self._is_database_lost = progress.is_database_lost
                    _log.error("bodies_database_lost") if progress.is_database_lost else _log.info("bodies_database_back")
        except FrameInvalid:
            self.close()  # the process sees it and ends

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()
        self._keeper.send()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.lost.set()
        self.writable.set()


async def _start(theirs: socket.socket) -> asyncio.subprocess.Process:
    # -P: a module that happens to lie in the server's working directory is not imported.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "llmlb_storage_history.bodies", f"fd:{theirs.fileno()}"),
        env=worker_environment(os.environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(theirs.fileno(),),
        start_new_session=True,
    )


async def _read(stream: asyncio.StreamReader | None) -> str:
    """Return the last words of a process as the end of a sentence: where it failed, never what it held."""
    kept = b""
    while stream is not None and (data := await stream.read(_MAX_WORDS_BYTES)):
        kept = (kept + data)[-_MAX_WORDS_BYTES:]
    lines = kept.decode(errors="replace").split("\n")
    words = " | ".join(line.strip() for line in lines if line.strip())[-400:]
    return f"; its last words: {words}" if words else ""
