"""HTTPS towards upstreams: who is trusted, and sessions that make a second handshake cheap."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from llmlb_core.errors import SettingsInvalid


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return what a connection to an upstream needs: host names are checked, TLS 1.2 or newer, HTTP/1.1 by ALPN.

    Args:
        ca_file: Certificates in PEM that sign the upstream's own; None = the system's.

    Raises:
        SettingsInvalid: *ca_file* cannot be read, or is not PEM.
    """
    context = _ReusingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise SettingsInvalid(f"ca_file {ca_file} holds no certificates in PEM") from error
    except OSError as error:
        raise SettingsInvalid(f"ca_file {ca_file} cannot be read: {error.strerror}") from error
    return context


class _ReusingContext(ssl.SSLContext):
    """Offers the session of the latest connection to the next one; asyncio and uvloop have no parameter for it."""

    def __init__(self, *_: object) -> None:
        """Start without a session."""
        self._latest: dict[str, ssl.SSLObject] = {}  # one by host name; TLS 1.3 sends its session after the handshake

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  # the signature is the library's
        server_hostname: Any = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As the library does, with a session."""
        latest = self._latest.get(server_hostname)
        if session is None and latest is not None:
            session = _session_of(latest)
        wrapped = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        self._latest[server_hostname] = wrapped
        return wrapped


def _session_of(connection: ssl.SSLObject) -> ssl.SSLSession | None:
    """Return the session of *connection*; None where its handshake failed, of which OpenSSL has half a session."""
    try:
        return connection.session
    except ValueError:
        return None
