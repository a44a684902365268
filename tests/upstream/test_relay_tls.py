"""Servers behind HTTPS, and servers at other kinds of addresses."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl

import pytest
import trustme
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import chat


async def good(visit):
    """Answer as asked."""
    if visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("good")), chunk(DONE), chunk(b""))
    else:
        visit.send(plain(completion("good" * 20_000)))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Signs certificates."""
    return trustme.CA()


@pytest.fixture
def certified(authority, tmp_path):
    """Return a function that makes a server's context; the authority's certificate lies beside the settings."""
    (tmp_path / "data").mkdir(mode=0o700)
    authority.cert_pem.write_to_path(str(tmp_path / "data" / "ca.pem"))

    def make(*names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        return context

    return make


CA = 'ca_file = "ca.pem"'


@pytest.mark.parametrize("path", ["", "/base/v1"])
async def test_https_servers_are_relayed(relay, certified, path):
    """Stream and plain, over one kept connection; ca_file stands beside the settings."""
    front, upstream = await relay(good, tls=certified("localhost"), name="localhost", extra=CA, path=path)

    calls = [await front.post(chat(stream=stream)) for stream in (False, True, False)]

    assert [200] * 3 == [call.status for call in calls], calls[0].body
    assert delta("good") + DONE == calls[1].body
    assert completion("good" * 20_000) == json.loads(calls[2].body)
    assert [0] * 3 == [visit.connection for visit in upstream.visits]
    assert {path.removesuffix("/v1") + "/v1/chat/completions"} == {visit.path for visit in upstream.visits}


@pytest.mark.parametrize(
    ("names", "url_name", "extra", "words"),
    [
        (["other.example"], "localhost", CA, "its certificate is for another host name"),
        (["localhost"], "127.0.0.1", CA, "its certificate is for another host name"),
        (["localhost"], "localhost", "", "its certificate is not trusted here; the endpoint's ca_file may name who signs it"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_told(relay, certified, names, url_name, extra, words):
    """What is wrong and what mends it, without the address; the request was not sent."""
    front, upstream = await relay(good, tls=certified(*names), name=url_name, extra=extra)

    call = await front.post(chat())

    assert 502 == call.status
    assert f"Endpoint 'e0' cannot be reached: {words}" in call.error["message"]
    assert not any(name in call.error["message"] for name in ("localhost", "127.0.0.1"))
    assert not upstream.visits


async def test_https_to_a_server_that_speaks_http_is_told(relay, tmp_path):
    """The handshake fails at once."""
    front, upstream = await relay(good)
    address = front.servers[0].pool.address
    front.servers[0].pool.address = type(address)(address.host, address.port, "h", "", ssl.create_default_context())

    async def garbage(visit):
        visit.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    upstream.script = garbage
    upstream.lines.clear()
    task = asyncio.ensure_future(front.post(chat()))
    await upstream.until(lambda: len(upstream.lines) > 0)
    upstream.lines[0].transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    call = await task

    assert 502 == call.status
    assert "does it speak HTTPS?" in call.error["message"]


async def test_a_server_that_hangs_up_in_the_handshake_is_told(relay, certified):
    """After each attempt the next one begins without the session of the failed handshake."""
    front, upstream = await relay(good, tls=certified("localhost"), name="localhost", extra=CA)
    hanging = await asyncio.get_running_loop().create_server(_HangUp, "127.0.0.1", 0)
    address = front.servers[0].pool.address
    port = hanging.sockets[0].getsockname()[1]
    front.servers[0].pool.address = type(address)("127.0.0.1", port, "h", "", address.tls)

    try:
        call = await front.post(chat())
    finally:
        hanging.close()

    assert 502 == call.status
    assert "Endpoint 'e0' cannot be reached:" in call.error["message"]
    assert not upstream.visits


class _HangUp(asyncio.Protocol):
    def data_received(self, data):
        self.transport.close()

    def connection_made(self, transport):
        self.transport = transport


async def test_a_tls_stream_that_is_cut_ends_with_an_error_event(relay, certified):
    """As without TLS."""

    async def cut(visit):
        visit.send(sse_head(), chunk(delta("one")))
        visit.end()

    front, _ = await relay(cut, tls=certified("localhost"), name="localhost", extra=CA)

    call = await front.post(chat(stream=True))

    assert call.body.startswith(delta("one"))
    assert b'"bad_gateway"' in call.body


async def test_back_pressure_works_through_tls(relay, certified):
    """A client that does not read pauses the server."""
    go_on = asyncio.Event()

    async def generous(visit):
        visit.send(sse_head())
        for _ in range(2000):
            await visit.drained()
            visit.send(chunk(delta("x" * 10_000)))
        visit.send(chunk(DONE), chunk(b""))
        go_on.set()

    front, upstream = await relay(generous, tls=certified("localhost"), name="localhost", extra=CA)

    call = await front.open(chat(stream=True), small=True)
    await call.opened()
    call.stop_reading()
    visit = await upstream.visited()
    async with asyncio.timeout(10):
        while not visit.is_paused:  # noqa: ASYNC110  # until the buffers of three sockets are full
            await asyncio.sleep(0.01)
    call.go_on()
    await call.ended()

    assert 2000 == call.body.count(b'"content"')
    assert call.body.endswith(DONE)


async def test_ipv6_addresses_are_relayed(relay):
    """In brackets, as URLs have them."""
    front, upstream = await relay(good, host="::1")

    call = await front.post(chat(stream=True))

    assert delta("good") + DONE == call.body
    assert upstream.visits[0].headers["host"].startswith("[::1]:")


async def test_a_host_that_nobody_knows_is_told(relay):
    """Without its name."""
    front, _ = await relay(good)
    address = front.servers[0].pool.address
    front.servers[0].pool.address = type(address)("no-such-host.invalid", 80, "h", "", None)

    call = await front.post(chat())

    assert 502 == call.status
    assert "its host name is not known" in call.error["message"]
    assert "no-such-host" not in call.error["message"]


def test_ipv6_is_there():
    """The tests above need it."""
    assert socket.has_ipv6
