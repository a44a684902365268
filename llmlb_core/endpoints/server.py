"""One registered server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from math import inf

from llmlb_core.contracts.endpoint import Endpoint, Result
from llmlb_core.contracts.server_dialect import ServerDialect
from llmlb_core.domain.calls import MEDIA, Call, Operation
from llmlb_core.domain.chat import CountRequest
from llmlb_core.endpoints.rename import rename_model
from llmlb_core.endpoints.token_estimate import estimated
from llmlb_core.errors import EndpointFailed, RouteNotSupported, UnsupportedParameter
from llmlb_core.settings.sections import CloudTimeoutSettings, TimeoutSettings
from llmlb_core.upstream.address import Address
from llmlb_core.upstream.exchange import Exchange
from llmlb_core.upstream.form_body import FormBody
from llmlb_core.upstream.limits import Limits
from llmlb_core.upstream.media import FlowingExchange, MediaStreamExchange
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.stream import StreamExchange
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.upstream.translated import results_of
from llmlb_core.upstream.uploading import UploadExchange, UploadStreamExchange

_JSON = b"\r\ncontent-type: application/json\r\n"
PASSED_ON = ("traceparent", "tracestate")
"""The client's headers that a server sees, the second only with the first; above all no credential is among them."""


class ServerEndpoint(Endpoint):
    """A server: calls in a dialect that it speaks pass through as bytes, others are translated.

    Attributes:
        passed_on: The client's headers that a relayed call takes along, beside ``PASSED_ON``.
        drops: Whether it is not told what its dialect has no word for, and the client is told so, or the call is refused.
    """

    kind = "server"
    passed_on: tuple[str, ...] = ()
    drops = True

    def __init__(
        self, name: str, address: Address, sweep: Sweep, timeouts: TimeoutSettings | CloudTimeoutSettings, max_in_flight: int = 8
    ) -> None:
        """Describe the server at *address*; nothing is connected."""
        self.name = name
        self._max_in_flight = max_in_flight
        self._sweep = sweep
        self._pool = Pool(address, sweep)
        self.switch_s = timeouts.switch_s
        self._limits = Limits(timeouts.connect_s, timeouts.head_s, timeouts.first_token_s, timeouts.idle_s, timeouts.plain_s)
        # The first event of a picture or a transcript may be all of it, and much lies between two.
        self._media_limits = Limits(
            timeouts.connect_s, timeouts.plain_s, timeouts.plain_s, max(timeouts.idle_s, timeouts.first_token_s), timeouts.plain_s
        )
        self._base_path = address.base_path
        self._host = address.host_header
        self.carry(())

    def carry(self, credential: Iterable[tuple[str, str]]) -> None:
        """Send *credential* with every call from now on."""
        lines = ["content-type: application/json", "accept: */*", "accept-encoding: identity", "user-agent: llmlb"]
        lines += [f"{name}: {value}" for name, value in credential]
        self._tail = "".join(f"{line}\r\n" for line in (f" HTTP/1.1\r\nhost: {self._host}", *lines))
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
        extra = self._passed(call.head.headers) if "traceparent" in call.head.headers or self.passed_on else b""
        exchange.start(b"%sx-request-id: %s\r\n%scontent-length: %d\r\n\r\n%s" % (head, call.id.encode(), extra, len(body), body))
        return exchange

    def _relay_media(self, call: Call, model: str) -> Exchange:
        """Send a call about sound or pictures: as the client wrote it, a form written anew."""
        parts = self._pool, self._media_limits, self._sweep, self.name
        head = self._heads.get(call.route.path) or self._head(call.route.path)
        own = b"x-request-id: %s\r\n%s" % (call.id.encode(), self._passed(call.head.headers))
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

    def server_dialect(self) -> ServerDialect | None:
        """Return what calls that are not relayed are translated to; None = nothing here can."""
        return None

    def leaves_out(self, call: Call, model: str) -> tuple[str, ...]:
        """What its dialect has no word for."""
        dialect = self.server_dialect()
        return dialect.lacks(call.request, model) if self.drops and dialect is not None and call.request is not None else ()

    def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Send *call* translated.

        Raises:
            RouteNotSupported: Nothing like it is known to the server, or nothing here knows how to say it.
            UnsupportedParameter: It has something that the server does not know.
        """
        request, dialect = call.request, self.server_dialect()
        assert request is not None, "a call that is not relayed was decoded"
        if dialect is None or call.route.operation not in dialect.operations:
            if isinstance(request, CountRequest):
                return estimated(request)
            raise RouteNotSupported(_no_such_route(self.name, call, dialect), param="model")
        lacking = dialect.lacks(request, model)
        if lacking and not self.drops:
            raise _unknown_there(self.name, call, lacking)
        try:
            encoded = dialect.encode(request, model, stream=call.stream)
        except UnsupportedParameter as error:
            error.param = None if error.param is None else call.dialect.param(call, error.param)
            raise
        reader = dialect.answer(request, stream=call.stream)
        is_stream = call.stream and call.route.operation is not Operation.EMBEDDING
        parts = self._pool, self._limits, self._sweep, self.name
        exchange = StreamExchange(*parts, reader) if is_stream else Exchange(*parts)
        path = f"{self._root}{encoded.path}"
        own = b"".join([_line(name, value) for name, value in (*dialect.headers, *encoded.headers)])
        traced = self._passed(call.head.headers, ())
        head = f"POST {path}{self._tail}x-request-id: {call.id}\r\n".encode("latin-1")
        body = encoded.body
        exchange.start(b"%s%s%scontent-length: %d\r\n\r\n%s" % (head, own, traced, len(body), body))
        exchange.hasten(inf)  # who tries elsewhere has a limit of its own
        return results_of(exchange, reader, dialect, self.name, is_stream=is_stream)

    def fail_plain(self, error: EndpointFailed) -> None:
        """End every call that runs here and is no stream, with *error*: it is gone, and they may be tried elsewhere."""
        self._pool.fail_plain(error)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _head(self, path: str) -> bytes:
        """Return the head up to the call's own lines; the path is the endpoint's and the route's, never the client's."""
        head = self._heads[path] = f"POST {self._path(path)}{self._tail}".encode("latin-1")
        return head

    def _path(self, route_path: str) -> str:
        """Return where a route is served."""
        return f"{self._base_path}{route_path}"

    @property
    def _root(self) -> str:
        """Return the root of its API."""
        return f"{self._base_path}/v1"

    def _passed(self, headers: Mapping[str, str], more: Sequence[str] | None = None) -> bytes:
        """Return those of the client's headers that the server sees."""
        names = self.passed_on if more is None else more
        lines = [_line(name, headers[name]) for name in names if name in headers]
        if "traceparent" in headers:
            lines += [_line(name, headers[name]) for name in PASSED_ON if name in headers]
        return b"".join(lines)


def _line(name: str, value: str) -> bytes:
    """Return a header of the client's, where it is one line of ASCII; it came through somebody else's parser."""
    return f"{name}: {value}\r\n".encode() if value.isascii() and value.isprintable() else b""


def _no_such_route(name: str, call: Call, dialect: ServerDialect | None) -> str:
    why = f"the dialect '{dialect.name}', which it speaks, has nothing like it" if dialect else "no active plugin translates for it"
    return f"Endpoint '{name}' does not serve {call.route.path}: {why}. GET /v1/models lists the routes of each model."


def _unknown_there(name: str, call: Call, lacking: Sequence[str]) -> UnsupportedParameter:
    said = [call.dialect.param(call, each) for each in lacking]
    return UnsupportedParameter(
        f"Endpoint '{name}' knows no {' nor '.join(repr(each) for each in said)}; leave it out"
        ' (an operator may have it dropped: unsupported = "drop").',
        param=said[0],
    )
