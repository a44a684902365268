"""Exchanges whose request is a form: it is sent piece by piece, as fast as the server takes it."""

from __future__ import annotations

import asyncio

from llmlb_core.errors import EndpointTimeout
from llmlb_core.upstream.connection import Connection
from llmlb_core.upstream.exchange import Exchange
from llmlb_core.upstream.form_body import FormBody
from llmlb_core.upstream.limits import SEND_S
from llmlb_core.upstream.media import MediaStreamExchange


class Uploading(Exchange):
    """The half of an exchange that sends; its time for the answer begins when all is sent.

    The server may answer before: then sending ends with the answer, and the connection with it.
    """

    _body: FormBody | None = None
    _sending: asyncio.Task[None] | None = None

    def upload(self, head: bytes, body: FormBody) -> None:
        """Send *head* and *body*."""
        self._body = body
        self.start(head)
        self.overdue_at = self._loop.time() + SEND_S

    def complete(self, parts: list[bytes], *, is_certain: bool = True) -> None:
        """The answer is whole: what is not sent is not wanted."""
        self._stop_sending()
        super().complete(parts, is_certain=is_certain)

    def lost(self, connection: Connection) -> None:
        """The connection closed; on a new one all is sent again."""
        self._stop_sending()
        super().lost(connection)

    def _drop(self) -> None:
        self._stop_sending()
        super()._drop()

    def _send(self, connection: Connection) -> None:
        super()._send(connection)
        connection.is_sending = True
        self.overdue_at = self._loop.time() + SEND_S
        self._sending = self._loop.create_task(self._send_body(connection), name="upload")

    async def _send_body(self, connection: Connection) -> None:
        body = self._body
        assert body is not None
        try:
            async for piece in body.pieces():
                if connection.is_lost:
                    return  # and the exchange was told
                connection.transport.write(piece)
                await connection.drained()
                if not self.status:
                    self.overdue_at = self._loop.time() + SEND_S
        except OSError:
            self._sending = None
            self.fail("what it was to be sent could not be read from disk")
            return
        self._sending = None
        connection.is_sending = False
        if not self.status:
            self._uploaded()

    def _uploaded(self) -> None:
        """All is sent: from now on the server's time runs."""
        self._sent_at = self._loop.time()
        self.overdue_at = self._sent_at + self._limits.plain_s

    def _too_late(self) -> EndpointTimeout:
        if self._sending is not None:
            return EndpointTimeout(f"Endpoint '{self._name}' took nothing of the upload for {SEND_S:g} s.")
        return super()._too_late()

    def _stop_sending(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()


class UploadExchange(Uploading):
    """A form in, a plain answer out."""


class UploadStreamExchange(Uploading, MediaStreamExchange):
    """A form in, a stream of events out."""

    def _uploaded(self) -> None:
        super()._uploaded()
        limits = self._limits
        self._first_by = self._sent_at + limits.first_token_s
        self.overdue_at = min(self._first_by, self._sent_at + limits.head_s)
