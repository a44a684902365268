"""Where a server is, as its URL says."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.endpoints import url_problem
from llmlb_core.upstream.tls import client_context


@frozen
class Address:
    """A server's address, taken apart once.

    Attributes:
        host: A name, or an IP address without brackets.
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
    return parse_base_url(url, _before_version, ca_file)


def parse_base_url(url: str, root: Callable[[str], str], ca_file: Path | None = None) -> Address:
    """Return the address of *url*, whose path *root* makes the base path of.

    Raises:
        SettingsInvalid: As above.
    """
    problem = url_problem(url)
    if problem is not None:
        raise SettingsInvalid(f"the endpoint's url {problem}")
    parts = urlsplit(url)
    assert parts.hostname is not None
    tls = client_context(ca_file) if parts.scheme == "https" else None
    return Address(parts.hostname, parts.port or (443 if tls else 80), parts.netloc.removesuffix(":"), root(parts.path), tls)


def _before_version(path: str) -> str:
    return path.rstrip("/").removesuffix("/v1").rstrip("/")
