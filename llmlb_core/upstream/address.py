"""Where a server is, as its URL says."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

from llmlb_core.errors import SettingsInvalid
from llmlb_core.upstream.tls import client_context


@frozen
class Address:
    """A server's address, taken apart once.

    Attributes:
        host_header: What ``Host`` says.
        base_path: What stands before ``/v1``, without a slash at its end.
        tls: None for plain HTTP.
    """

    host: str
    port: int
    host_header: str
    base_path: str
    tls: ssl.SSLContext | None


def parse_url(url: str, ca_file: Path | None = None) -> Address:
    """Return the address of *url*, which may end with ``/v1``.

    Raises:
        SettingsInvalid: Says what was seen and what was expected.
    """
    problem = f"the endpoint URL {url!r} is not usable: expected http://HOST[:PORT][/PATH] or https://…"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsInvalid(f"{problem} ({error})") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsInvalid(problem)
    if parts.username or parts.password:
        raise SettingsInvalid('an endpoint URL holds a user name or password; set api_key = { env = "…" } instead')
    if any(character <= " " or character == "\x7f" for character in url):
        raise SettingsInvalid(problem)
    tls = client_context(ca_file) if parts.scheme == "https" else None
    path = parts.path.rstrip("/").removesuffix("/v1")
    return Address(parts.hostname, port or (443 if tls else 80), parts.netloc, path, tls)
