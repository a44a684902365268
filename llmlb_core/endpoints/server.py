"""One registered server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from llmlb_core.contracts.endpoint import Endpoint, Result
from llmlb_core.domain.calls import Call
from llmlb_core.endpoints.rename import rename_model
from llmlb_core.errors import InternalError, SettingsInvalid
from llmlb_core.settings.sections import EndpointSettings, SecretReference
from llmlb_core.upstream.address import parse_url
from llmlb_core.upstream.exchange import Exchange, Limits
from llmlb_core.upstream.pool import Pool
from llmlb_core.upstream.sweep import Sweep

PASSED_ON = ("traceparent", "tracestate")
"""The client's headers that a server sees; above all no credential is among them."""


class ServerEndpoint(Endpoint):
    """An OpenAI-compatible server; calls in that dialect pass through as bytes."""

    kind = "server"

    def __init__(self, settings: EndpointSettings, sweep: Sweep) -> None:
        """Describe the server; nothing is connected.

        Raises:
            SettingsInvalid: Its URL or key reference is unusable.
        """
        address = parse_url(settings.url, settings.ca_file)
        key = read_secret(settings.api_key, settings.name)
        self.id = f"server:{settings.name}"
        self.name = settings.name
        self.models = settings.models
        self._max_in_flight = settings.max_in_flight
        self._sweep = sweep
        self._pool = Pool(address)
        limits = settings.timeouts
        self._limits = Limits(limits.connect_s, limits.head_s, limits.idle_s, limits.plain_s)
        lines = ["content-type: application/json", "accept: */*", "user-agent: llmlb"]
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

    def speaks(self, dialect: str) -> bool:
        """OpenAI's dialect."""
        return dialect == "openai"

    def relay(self, call: Call, model: str) -> Exchange:
        """Send the body as it is, but for the model's name where an alias was used."""
        exchange = Exchange(self._pool, self._limits, self._sweep, self.name, is_stream=call.stream)
        body = call.body if call.model == model else rename_model(call.body, model)
        head = self._heads.get(call.route.path) or self._head(call.route.path)
        headers = call.head.headers
        extra = b"".join(f"{name}: {headers[name]}\r\n".encode("latin-1") for name in PASSED_ON if name in headers)
        exchange.start(b"%sx-request-id: %s\r\n%scontent-length: %d\r\n\r\n%s" % (head, call.id.encode(), extra, len(body), body))
        return exchange

    async def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Refuse: only calls in a dialect that it speaks are sent here so far."""
        raise InternalError(f"endpoint {self.name!r} was asked to translate call {call.id} of {model!r}")
        yield  # type: ignore[unreachable]  # makes this a generator

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _head(self, path: str) -> bytes:
        """Return the head up to the call's own lines; the path is the endpoint's and the route's, never the client's."""
        head = self._heads[path] = f"POST {self._base_path}{path}{self._tail}".encode("latin-1")
        return head


def read_secret(reference: SecretReference | None, name: str) -> str | None:
    """Return the secret that *reference* names.

    Raises:
        SettingsInvalid: It is not there; says where it was looked for.
    """
    if reference is None:
        return None
    if (reference.env is None) == (reference.file is None):
        raise SettingsInvalid(f'endpoint {name!r}: api_key needs one of env and file, such as {{ env = "VARIABLE" }}')
    if reference.env is not None:
        secret = os.environ.get(reference.env, "").strip()
        where = f"the environment variable {reference.env}"
    else:
        path = Path(reference.file or "")
        secret = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        where = f"the file {path}"
    if not secret or any(ord(character) < 33 or ord(character) > 126 for character in secret):
        raise SettingsInvalid(f"endpoint {name!r}: api_key is to be found in {where}, which holds none")
    return secret
