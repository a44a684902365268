"""An answer in another dialect than the caller's: a server's bytes in, results out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from llmlb_core.contracts.endpoint import Exchange, Result
from llmlb_core.contracts.outlet import Source
from llmlb_core.contracts.server_dialect import AnswerReader, Refusal, ServerDialect
from llmlb_core.errors import (
    BodyTooLarge,
    CallError,
    EndpointFailed,
    InvalidRequest,
    ModelNotFound,
    PromptTooLong,
    Unprocessable,
    UnsupportedContentType,
)
from llmlb_core.upstream.refusals import refused, speaks_of_window

MOST_WAITING = 64
"""Results that nobody has taken: the server is read no further."""
MOST_PLAIN_BYTES = 64 * 1024 * 1024
"""Of an answer that is no stream."""


_REFUSED_AS: dict[int, type[CallError]] = {404: ModelNotFound, 413: BodyTooLarge, 415: UnsupportedContentType, 422: Unprocessable}
"""What else is wrong with a request is 400, whatever the server called it."""


class Inbox:
    """Where the bytes of an exchange end whose results somebody takes; see ``Sink``.

    Attributes:
        body: Of an answer that is no stream, as far as it came.
    """

    def __init__(self, reader: AnswerReader, *, is_stream: bool) -> None:
        """Of a stream *reader* has read everything before it comes here."""
        self.is_paused = False
        self.source: Source | None = None
        self.body = bytearray()
        self._reader = reader
        self._is_stream = is_stream
        self._news: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        """Tell whoever waits."""
        if not self._is_stream:
            self.body += data
            self.is_paused = len(self.body) > MOST_PLAIN_BYTES  # and whoever takes it gives up
        elif len(self._reader.results) >= MOST_WAITING:
            self.is_paused = True
        self.wake()

    def fail(self) -> None:
        """Nobody took what was there; whoever might still do so is told by the exchange's end."""
        self.wake()

    def wake(self, _: object = None) -> None:
        """There is news, or there will be none."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def news(self) -> None:
        """Return when there is some."""
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    def take(self) -> list[Result]:
        """Return what came since the last call."""
        taken, self._reader.results = self._reader.results, []
        if self.is_paused and self._is_stream:
            self.is_paused = False
            if self.source is not None:
                self.source.resume()
        return taken


async def results_of(
    exchange: Exchange, reader: AnswerReader, dialect: ServerDialect, name: str, *, is_stream: bool
) -> AsyncGenerator[Result, None]:
    """Yield what *exchange*, which was started, brings; closing it closes the exchange.

    Args:
        exchange: Of a stream it was given *reader*.
        reader: Of the answer.
        dialect: Of the server; reads its refusals.
        name: What errors call the server.
        is_stream: Whether a stream was asked for.

    Raises:
        CallError: The server refused or failed.
    """
    ending: asyncio.Task[None] | None = None
    try:
        await exchange.committed
        if exchange.status != 200:
            raise refusal_of(name, exchange.status, exchange.told, dialect)
        inbox = Inbox(reader, is_stream=is_stream)
        exchange.attach(inbox)
        ending = asyncio.ensure_future(exchange.finished())
        ending.add_done_callback(inbox.wake)
        while True:
            for result in inbox.take():
                yield result
            if reader.results:
                continue
            if ending.done():
                break
            if inbox.is_paused:
                raise EndpointFailed(f"Endpoint '{name}' answered with more than {MOST_PLAIN_BYTES:,} bytes.")
            await inbox.news()
        ending.result()
        if not is_stream:
            for result in _read_plain(reader, bytes(inbox.body), name):
                yield result
    finally:
        if ending is not None:
            ending.cancel()
        exchange.abort()


def refusal_of(name: str, status: int, body: bytes, dialect: ServerDialect) -> CallError:
    """Return what a refusal of the request means, in the server's own words."""
    told = dialect.read_refusal(status, {}, body) or Refusal("")
    if not told.message:
        return refused(name, status, body)
    message = f"{told.message} (from '{name}')" if name not in told.message else told.message
    if speaks_of_window(status, body):
        return PromptTooLong(message, param="messages")
    refused_as = _REFUSED_AS.get(status, InvalidRequest)
    return refused_as(message, param=told.param or ("model" if status == 404 else None), code=told.code or None)


def _read_plain(reader: AnswerReader, body: bytes, name: str) -> list[Result]:
    try:
        reader.read_plain(body)
    except ValueError as error:
        raise EndpointFailed(f"Endpoint '{name}' failed: {error}.", code="malformed_answer") from None
    taken, reader.results = reader.results, []
    return taken
