"""TLS towards upstreams, against a real server."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from llmlb_core.errors import SettingsInvalid
from llmlb_core.upstream.tls import client_context

NAME = "localhost"


def pytest_generate_tests(metafunc):
    """Run what connects on both event loops."""
    if "new_loop" in metafunc.fixturenames:
        import uvloop

        metafunc.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Signs certificates."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    """What an endpoint's ``ca_file`` names."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def connect(new_loop, authority, context, name: str = NAME, *, count: int = 1, version=None) -> list[bool]:
    """Connect *count* times, one after the other; say which connections went on with an older session."""

    async def greet(_, writer):
        writer.write(b"hello")
        try:
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return

    async def run() -> list[bool]:
        server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(NAME).configure_cert(server_context)
        if version:
            server_context.maximum_version = version
        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context)
        address = server.sockets[0].getsockname()
        reused = []
        try:
            for _ in range(count):
                reader, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=name)
                assert b"hello" == await reader.read()
                reused.append(writer.get_extra_info("ssl_object").session_reused)
                writer.close()
                await writer.wait_closed()
        finally:
            server.close()
        return reused

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(run())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_later_connections_go_on_with_the_session_of_earlier_ones(new_loop, authority, ca_file, version):
    """Which spares the certificates and their check."""
    reused = connect(new_loop, authority, client_context(ca_file), count=3, version=version)

    assert [False, True, True] == reused


def test_an_upstream_of_an_unknown_authority_is_refused(new_loop, authority):
    """The system's certificates do not sign it."""
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(new_loop, authority, client_context())


def test_an_upstream_of_another_name_is_refused(new_loop, authority, ca_file):
    """A certificate of the right authority is not enough."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(new_loop, authority, client_context(ca_file), "other.example")


def test_a_ca_file_that_cannot_be_used_is_named(tmp_path):
    """With the reason."""
    (tmp_path / "no.pem").write_text("nothing")

    with pytest.raises(SettingsInvalid, match="holds no certificates in PEM"):
        client_context(tmp_path / "no.pem")
    with pytest.raises(SettingsInvalid, match=r"gone.pem cannot be read: No such file"):
        client_context(tmp_path / "gone.pem")
