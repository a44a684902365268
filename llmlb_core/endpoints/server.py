"""One registered server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from llmlb_core.contracts.endpoint import Endpoint, Result
from llmlb_core.domain.calls import MEDIA, Call, Operation
from llmlb_core.endpoints.rename import rename_model
from llmlb_core.errors import EndpointFailed, InternalError
from llmlb_core.settings.sections import EndpointSettings
from llmlb_core.upstream.address import Address
from llmlb_core.upstream.exchange import Exchange
from llmlb_core.upstream.form_body import FormBody
from llmlb_core.upstream.limits import Limits
from llmlb_core.upstream.media import FlowingExchange, MediaStreamExchange
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.stream import StreamExchange
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.upstream.uploading import UploadExchange, UploadStreamExchange

_JSON = b"\r\ncontent-type: application/json\r\n"
PASSED_ON = ("traceparent", "tracestate")
"""The client's headers that a server sees, the second only with the first; above all no credential is among them."""


class ServerEndpoint(Endpoint):
    """An OpenAI-compatible server; calls in that dialect pass through as bytes."""

    kind = "server"

    def __init__(self, settings: EndpointSettings, address: Address, key: str | None, sweep: Sweep) -> None:
        """Describe the server at *address*, which wants *key*; nothing is connected."""
        self.id = f"server:{settings.name}"
        self.name = settings.name
        self.models = settings.models
        self._max_in_flight = settings.max_in_flight or 8
        self._sweep = sweep
        self._pool = Pool(address, sweep)
        limits = settings.timeouts
        self.switch_s = limits.switch_s
        self._limits = Limits(limits.connect_s, limits.head_s, limits.first_token_s, limits.idle_s, limits.plain_s)
        # The first event of a picture or a transcript may be all of it, and much lies between two.
        self._media_limits = Limits(
            limits.connect_s, limits.plain_s, limits.plain_s, max(limits.idle_s, limits.first_token_s), limits.plain_s
        )
        lines = ["content-type: application/json", "accept: */*", "accept-encoding: identity", "user-agent: llmlb"]
        if key:
            lines.append(f"authorization: Bearer {key}")
        self._base_path = address.base_path
        self._tail = "".join(f"{line}\r\n" for line in (f" HTTP/1.1\r\nhost: {address.host_header}", *lines))
        self._heads: dict[str, bytes] = {}

    @property
    def max_in_flight(self) -> int:
        """What settings say."""
        return self._max_in_flight

    @property
    def unroutable_reason(self) -> str | None:
        """None: a server of settings is always tried."""
        return None

    @property
    def pool(self) -> Pool:
        """Its connections."""
        return self._pool

    def speaks(self, dialect: str) -> bool:
        """OpenAI's dialect."""
        return dialect == "openai"

    def relay(self, call: Call, model: str) -> Exchange:
        """Send the body as it is, but for the model's name where an alias was used."""
        operation = call.route.operation
        if operation in MEDIA:
            return self._relay_media(call, model)
        body = call.body if call.model == model else rename_model(call.body, model)
        if call.stream and operation is not Operation.EMBEDDING:  # which is never streamed, whatever the body says
            exchange: Exchange = StreamExchange(self._pool, self._limits, self._sweep, self.name, call.dialect.reader(call))
        else:
            exchange = Exchange(self._pool, self._limits, self._sweep, self.name)
        head = self._heads.get(call.route.path) or self._head(call.route.path)
        extra = _passed_on(call.head.headers) if "traceparent" in call.head.headers else b""
        exchange.start(b"%sx-request-id: %s\r\n%scontent-length: %d\r\n\r\n%s" % (head, call.id.encode(), extra, len(body), body))
        return exchange

    def _relay_media(self, call: Call, model: str) -> Exchange:
        """Send a call about sound or pictures: as the client wrote it, a form written anew."""
        parts = self._pool, self._media_limits, self._sweep, self.name
        head = self._heads.get(call.route.path) or self._head(call.route.path)
        own = b"x-request-id: %s\r\n%s" % (call.id.encode(), _passed_on(call.head.headers))
        if call.form is not None:
            form = FormBody.of(call.form, model)
            upload = UploadStreamExchange(*parts, call.dialect.reader(call)) if call.stream else UploadExchange(*parts)
            head = head.replace(_JSON, b"\r\ncontent-type: %s\r\n" % form.content_type.encode())
            upload.upload(b"%s%scontent-length: %d\r\n\r\n" % (head, own, form.length), form)
            return upload
        body = call.body if call.model == model else rename_model(call.body, model)
        exchange = MediaStreamExchange(*parts, call.dialect.reader(call)) if call.stream else FlowingExchange(*parts)
        exchange.start(b"%s%scontent-length: %d\r\n\r\n%s" % (head, own, len(body), body))
        return exchange

    async def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Refuse: only calls in a dialect that it speaks are sent here so far."""
        raise InternalError(f"endpoint {self.name!r} was asked to translate call {call.id} of {model!r}")
        yield  # type: ignore[unreachable]  # makes this a generator

    def fail_plain(self, error: EndpointFailed) -> None:
        """End every call that runs here and is no stream, with *error*: it is gone, and they may be tried elsewhere."""
        self._pool.fail_plain(error)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _head(self, path: str) -> bytes:
        """Return the head up to the call's own lines; the path is the endpoint's and the route's, never the client's."""
        head = self._heads[path] = f"POST {self._base_path}{path}{self._tail}".encode("latin-1")
        return head


def _passed_on(headers: Mapping[str, str]) -> bytes:
    """Return those of the client's headers that a server sees."""
    if "traceparent" not in headers:
        return b""
    return b"".join([_line(name, headers[name]) for name in PASSED_ON if name in headers])


def _line(name: str, value: str) -> bytes:
    """Return a header of the client's, where it is one line of ASCII; it came through somebody else's parser."""
    return f"{name}: {value}\r\n".encode() if value.isascii() and value.isprintable() else b""
