"""Stage 8: answer → bytes."""

from __future__ import annotations

import asyncio
import math
import time

from llmlb_core.contracts.dialect import Dialect, Renderer
from llmlb_core.contracts.endpoint import Exchange, Result
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.calls import MEDIA, Call
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.domain.records import Record
from llmlb_core.domain.results import Delivered
from llmlb_core.errors import CallError
from llmlb_core.stages.acquire import Waiting
from llmlb_core.stages.dispatch import Answer, RelayedAnswer, ResultsAnswer
from llmlb_core.telemetry.log import get_logger
from llmlb_core.upstream.refusals import refused

EVENT_STREAM = "text/event-stream; charset=utf-8"
IGNORED = "x-llmlb-ignored-parameters"
SPEECHLESS = (
    b'{"error":{"message":"This call failed, and its dialect failed to say how; the server\'s log says more.",'
    b'"type":"server_error","param":null,"code":"internal_error"}}'
)
"""The body of an error that a dialect cannot write."""

_log = get_logger("render")


class Rendering:
    """One call's way out: head, heartbeat, answer or error. The stage makes one for each call.

    Attributes:
        heartbeat: The timer of the next comment; None where none is sent.
    """

    def __init__(self, dialect: Dialect, outlet: Outlet, record: Record) -> None:
        """Write to *outlet* in *dialect*."""
        self._dialect = dialect
        self._outlet = outlet
        self._record = record
        self._headers: list[tuple[str, str]] = [("x-request-id", record.id)]
        self._call: Call | None = None
        self._renderer: Renderer | None = None
        self.heartbeat: asyncio.TimerHandle | None = None

    def waiting(self, waiting: Waiting) -> None:
        """Note where in the queue the call stands (05098000-F11)."""
        self._headers.append(("x-queue-position", str(waiting.position)))
        if waiting.estimate_s is not None:
            self._headers.append(("x-estimated-wait", str(math.ceil(waiting.estimate_s))))

    def keep_open(self, call: Call, every_s: float) -> None:
        """Send a comment every *every_s* seconds until content goes out, so that nobody on the way gives up on the stream.

        Not where a server may answer a wish for a stream with all at once, as it may of sound and pictures.
        """
        self._call = call
        if every_s > 0 and call.route.operation not in MEDIA:
            self.heartbeat = asyncio.get_running_loop().call_later(every_s, self._beat, every_s)

    def _beat(self, every_s: float) -> None:
        assert self._call is not None
        if not self._outlet.opened:
            self._open(200, EVENT_STREAM)
        if not self._outlet.is_paused:
            self._outlet.write(self._dialect.heartbeat())
        self.heartbeat = asyncio.get_running_loop().call_later(every_s, self._beat, every_s)

    def at_once(self, call: Call, answer: Answer) -> bool:
        """Write an answer that is here already, as plain ones of servers are; False = await ``answer``."""
        if type(answer) is not RelayedAnswer or not answer.exchange.is_complete:
            return False
        self._note_answer(call, answer)
        self._note_usage(answer.exchange)
        self._pass_on(call, answer)
        answer.outcome = Outcome.COMPLETED
        self._outlet.end()
        return True

    async def answer(self, call: Call, answer: Answer) -> None:
        """Write the whole answer.

        Raises:
            CallError: The endpoint failed on the way; ``error`` says so to the client.
        """
        self._note_answer(call, answer)
        if isinstance(answer, RelayedAnswer):
            await self._relay(call, answer)
        else:
            assert isinstance(answer, ResultsAnswer)
            await self._render(call, answer)
        self._outlet.end()

    def _note_answer(self, call: Call, answer: Answer) -> None:
        """Note who answers, for the record and the client."""
        if self.heartbeat is not None:
            self.stop_heartbeat()
        record, headers, lease = self._record, self._headers, answer.lease
        served_by = record.served_by = lease.endpoint.name
        record.choice_reason = lease.choice.reason
        if answer.model != call.model:
            record.served_model = answer.model
        waited_s = record.queue_wait_s = lease.waited_s
        headers.append(("x-llmlb-endpoint", served_by))
        headers.append(("x-llmlb-attempts", str(len(record.attempts) + 1) if record.attempts else "1"))
        if waited_s > 0:
            headers.append(("x-queue-wait-ms", str(round(waited_s * 1000))))
        if call.ignored:
            headers.append((IGNORED, ", ".join(call.ignored)))

    async def _relay(self, call: Call, answer: RelayedAnswer) -> None:
        """Pass the answer's bytes on as they come."""
        try:
            self._pass_on(call, answer)
            await answer.finished()
        finally:  # a stream that was cut may have told its usage so far
            self._note_usage(answer.exchange)

    def _note_usage(self, exchange: Exchange) -> None:
        """Note what the server told of tokens, else what went out."""
        record, reader = self._record, exchange.reader
        record.usage = exchange.usage
        if record.usage is None and reader is not None:
            transcript = reader.transcript
            record.delivered = Delivered(transcript.count, transcript.length)

    def _pass_on(self, call: Call, answer: RelayedAnswer) -> None:
        """Send the head, and have the bytes flow from the endpoint's connection."""
        exchange, outlet = answer.exchange, self._outlet
        if outlet.opened and exchange.status != 200:
            raise refused(answer.lease.endpoint.name, exchange.status, exchange.told)
        self._call = call
        if not outlet.opened:
            if exchange.status != 200:
                self._headers += exchange.headers
            self._open(exchange.status, exchange.content_type, exchange.content_length)
        if self._record.first_token_s is None:
            self._record.first_token_s = time.monotonic() - self._record.started_at
        outlet.committed = True
        exchange.attach(outlet)

    async def _render(self, call: Call, answer: ResultsAnswer) -> None:
        """Write the answer's results in the dialect."""
        outlet = self._outlet
        renderer = self._renderer
        if renderer is None:
            renderer = self._renderer = self._dialect.renderer(call, answer.model)
            if answer.identity is not None:
                renderer.follow(answer.identity)
        answer.identity = renderer.identity
        self._tell_left_out(call, answer)
        try:
            async for result in answer:
                self._note(result)
                data = renderer.feed(result)
                if data and (call.stream or renderer.flows):
                    if not outlet.opened:
                        self._open(200, renderer.content_type if renderer.flows else EVENT_STREAM)
                    outlet.committed = True
                    outlet.write(data)
                    if outlet.is_paused:
                        await outlet.drained()
        finally:  # of a stream that was cut, what went out; of a plain answer nothing did
            said = answer.transcript if call.stream and self._record.usage is None else None
            if said is not None:
                self._record.delivered = Delivered(said.count, said.length)
        data = renderer.end()
        if call.stream or renderer.flows:
            if not outlet.opened:
                self._open(200, renderer.content_type if renderer.flows else EVENT_STREAM)
        else:
            self._open(200, renderer.content_type, len(data))
        outlet.committed = True
        outlet.write(data)

    def _tell_left_out(self, call: Call, answer: ResultsAnswer) -> None:
        """Say in the head what the endpoint was not told of the request."""
        left_out = answer.lease.endpoint.leaves_out(call, answer.model)
        if left_out and not self._outlet.opened:
            names = [*call.ignored, *(call.dialect.param(call, name) for name in left_out)]
            self._headers = [each for each in self._headers if each[0] != IGNORED]
            self._headers.append((IGNORED, ", ".join(dict.fromkeys(names))))

    def begin_anew(self, announcement: bytes) -> None:
        """Send *announcement*: what was sent is void, and another answer follows from its beginning."""
        self._renderer = None
        self._record.usage = self._record.delivered = None
        self._outlet.write(announcement)

    async def error(self, error: CallError) -> None:
        """Say *error*: as a plain answer where nothing went out yet, in band where something did."""
        self.stop_heartbeat()
        outlet = self._outlet
        if outlet.opened:
            in_band = b"" if error.is_told else self._in_band(error)
            if in_band is None:
                outlet.fail()
                return
            if in_band:
                outlet.write(in_band)
        else:
            if error.retry_after_s is not None:
                self._headers.append(("retry-after", str(max(1, math.ceil(error.retry_after_s)))))
            if error.status == 401:
                self._headers.append(("www-authenticate", 'Bearer realm="llmlb"'))
            body = self._document(error)
            self._open(error.status, "application/json", len(body))
            outlet.write(body)
        outlet.end()

    def _in_band(self, error: CallError) -> bytes | None:
        """Return *error* as the stream says it; None where there is no stream, or its renderer raises."""
        call = self._call
        if call is None or not call.stream:
            return None
        try:
            if self._renderer is None:
                self._renderer = self._dialect.renderer(call, call.model)
            return self._renderer.error(error)
        except Exception:  # noqa: BLE001  # a plugin's code
            _log.exception("dialect_raised", dialect=self._dialect.name, call=self._record.id)
            return None

    def _document(self, error: CallError) -> bytes:
        try:
            return self._dialect.error(error)
        except Exception:  # noqa: BLE001  # as above
            _log.exception("dialect_raised", dialect=self._dialect.name, call=self._record.id)
            return SPEECHLESS

    def stop_heartbeat(self) -> None:
        """Send no more comments."""
        if self.heartbeat is not None:
            self.heartbeat.cancel()
            self.heartbeat = None

    def _open(self, status: int, content_type: str, length: int | None = None) -> None:
        headers = self._headers
        headers.append(("content-type", content_type))
        if length is None:
            headers.append(("cache-control", "no-cache"))
        self._record.status = status
        self._outlet.open(status, headers, length)

    def _note(self, result: Result) -> None:
        record = self._record
        if record.first_token_s is None:
            record.first_token_s = time.monotonic() - record.started_at
        if result.usage is not None:
            record.usage = result.usage
