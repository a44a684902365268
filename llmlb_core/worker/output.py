"""What a worker prints: logged line by line, its tail kept for the day it dies."""

from __future__ import annotations

import asyncio
import logging
from typing import IO

from llmlb_core.worker.limits import TAIL_BYTES, TAIL_LINES

log = logging.getLogger(__name__)


class Output(asyncio.Protocol):
    """The tail of a worker's stdout and stderr, in one; bounded.

    Attributes:
        closed: Set when nobody can write to it any more.
    """

    def __init__(self, model: str) -> None:
        """Collect for *model*."""
        self.closed = asyncio.Event()
        self._model = model
        self._kept = bytearray()
        self._transport: asyncio.BaseTransport | None = None

    @classmethod
    async def of(cls, pipe: IO[bytes], model: str) -> Output:
        """Read *pipe*, which is closed with it."""
        _, output = await asyncio.get_running_loop().connect_read_pipe(lambda: cls(model), pipe)
        return output

    def tail(self) -> str:
        """Return the last lines, at most 50 and at most 8 KiB."""
        lines = self._kept[-TAIL_BYTES:].decode("utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def last_words(self) -> str:
        """Return the last few lines as one, for an error message; of a native crash its name, not its trace."""
        lines = [line.strip() for line in self.tail().splitlines() if line.strip()]
        fatal = next((i for i, line in enumerate(lines) if line.startswith("Fatal Python error")), len(lines))
        lines = lines[: fatal + 1]
        return " | ".join(lines[-4:])[-400:]

    async def finished(self, timeout_s: float) -> None:
        """Wait for the end of file, at most so long: a process that the engine started may hold the pipe open."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.closed.wait()
        except TimeoutError:
            pass
        self.close()

    def close(self) -> None:
        """Stop reading."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep the end."""
        self._kept += data
        if len(self._kept) > 2 * TAIL_BYTES:
            del self._kept[:-TAIL_BYTES]
        if log.isEnabledFor(logging.DEBUG):
            for line in data.decode("utf-8", errors="replace").splitlines():
                log.debug("%s", line[:1000], extra={"event": "worker_output", "model": self._model})

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that it ended."""
        del exc
        self.closed.set()
