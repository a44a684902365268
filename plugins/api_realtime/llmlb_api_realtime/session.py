"""One session, from the open websocket to the closed one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

from attrs import frozen

from llmlb_api_realtime.events import error_event
from llmlb_api_realtime.listener import Listener
from llmlb_api_realtime.outbox import Outbox
from llmlb_api_realtime.problems import GOING_AWAY, INTERNAL, NORMAL, POLICY, SessionOver
from llmlb_api_realtime.settings import RealtimeSettings
from llmlb_api_realtime.transcriber import Transcriber
from llmlb_api_realtime.writer import Writer
from llmlb_core import ModelView, get_logger
from llmlb_core.errors import InternalError, InvalidRequest

FLUSH_S = 2.0
"""How long the last events may take to be sent."""

_log = get_logger("api_realtime")


class Socket(Protocol):
    """What is used of a websocket."""

    async def receive(self) -> Any:
        """Return the next message: text or bytes."""

    async def send(self, data: str) -> None:
        """Send a message."""

    async def close(self, code: int, reason: str = "") -> None:
        """End it."""


@frozen
class Surroundings:
    """What the sessions of a server share."""

    settings: RealtimeSettings
    models: ModelView | None
    stopping: asyncio.Event


class Session:
    """One websocket's."""

    def __init__(self, around: Surroundings, socket: Socket, transcriber: Transcriber, *, is_beta: bool) -> None:
        """Have nothing run yet."""
        self._settings = around.settings
        self._stopping = around.stopping
        self._socket = socket
        self._outbox = Outbox(socket.send)
        self._writer = Writer(transcriber, self._outbox)
        self._listener = Listener(around.settings, around.models, self._outbox, self._writer, is_beta=is_beta)

    async def run(self, model: str | None) -> None:
        """Serve the client until it leaves (which cancels this), the server stops or a limit is reached.

        Args:
            model: What the URL names.
        """
        over = SessionOver(NORMAL, "client_left")
        self._listener.begin(model)
        sender = asyncio.create_task(self._outbox.run())
        tasks = [asyncio.create_task(each) for each in (self._listen(), self._writer.run(), self._until_stopped())]
        lasts_s = self._settings.max_session_s
        try:
            done, _ = await asyncio.wait([*tasks, sender], timeout=lasts_s, return_when=asyncio.FIRST_COMPLETED)
            over = self._ending_of(done.pop()) if done else _expired(lasts_s)
            await _end(tasks)
            await self._close(over, sender)
        finally:
            await _end([*tasks, sender])
            _log.info("session_ended", session=self._listener.id, utterances=self._writer.count, reason=str(over))

    async def _listen(self) -> None:
        """Take what the client sends."""
        idle_s = self._settings.idle_timeout_s
        while True:
            try:
                async with asyncio.timeout(idle_s):
                    message = await self._socket.receive()
            except TimeoutError:
                told = InvalidRequest(
                    f"Nothing came for {idle_s:g} s; open a new session when there is sound.", code="session_idle"
                )
                raise SessionOver(POLICY, "session_idle", told) from None
            if not self._stopping.is_set():
                self._listener.take(message)

    async def _until_stopped(self) -> None:
        """End the session when the server stops, and the utterance that is being written down is done."""
        await self._stopping.wait()
        self._writer.finish()
        await asyncio.Event().wait()  # the writer returns

    def _ending_of(self, task: asyncio.Task[None]) -> SessionOver:
        error = task.exception()
        if isinstance(error, SessionOver):
            return error
        if error is None:
            return SessionOver(GOING_AWAY, "server_stops")  # only the writer returns, and only then
        _log.error("session_failed", session=self._listener.id, error=type(error).__name__, exc_info=error)
        told = InternalError(f"This session failed unexpectedly ({type(error).__name__}); the server's log has the details.")
        return SessionOver(INTERNAL, "internal_error", told)

    async def _close(self, over: SessionOver, sender: asyncio.Task[None]) -> None:
        """Tell what is left to tell, and close."""
        try:
            if over.close_code == GOING_AWAY:
                self._writer.give_up()
            if over.error is not None:
                self._outbox.put(error_event(over.error))
            self._outbox.end()
            await asyncio.wait([sender], timeout=FLUSH_S)
        except SessionOver:
            pass  # the client does not read: it is closed without the rest
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self._socket.close(over.close_code, str(over))


def _expired(after_s: float) -> SessionOver:
    told = InvalidRequest(f"This session lasted {after_s:g} s, the longest there is; open a new one.", code="session_expired")
    return SessionOver(POLICY, "session_expired", told)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what still runs, and wait for it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
