"""What the server that runs on this machine has in memory, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import field, frozen

if TYPE_CHECKING:
    from llmlb_core.settings.sections import Settings

TIMEOUT_S = 3.0
_MAX_BYTES = 16 * 1024 * 1024


@frozen
class Running:
    """The server's instances.

    Attributes:
        instances: By model id: members ``engine``, ``state``, ``memory_bytes``.
        note: Why nothing is known although a server answers; None where that is not so.
        is_there: Whether a server answers at all.
    """

    instances: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    note: str | None = None
    is_there: bool = False


def ask_running(settings: Settings, environ: Mapping[str, str]) -> Running:
    """Ask the server that these settings belong to, with the key in ``LLMLB_API_KEY``; never raises, waits 3 s at most."""
    given = environ.get("LLMLB_URL", "")
    url = urlsplit(given or _own_url(settings))
    context = ssl.create_default_context() if url.scheme == "https" else None
    if context is not None and not given:
        # The certificate is for the name that clients use, and this asks this machine by its address.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    key = environ.get("LLMLB_API_KEY", "")
    try:
        connection = _connection(url.netloc, context)
    except http.client.InvalidURL as error:
        return Running({}, f"LLMLB_URL is {given!r}, expected such as http://127.0.0.1:32768 ({error})")
    try:
        connection.request("GET", "/v0/health", headers={"authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException, ValueError):
        return Running()
    finally:
        connection.close()
    if answer.status in {401, 403}:
        return Running(
            {}, f"a server runs at {url.netloc}; with a key of it in LLMLB_API_KEY this list says what is loaded", is_there=True
        )
    try:
        document = json.loads(body)
        instances = {str(each["model"]): each for each in document["instances"]}
    except (ValueError, KeyError, TypeError):
        return Running({}, f"what answers at {url.netloc} is no llmlb (status {answer.status})")
    return Running(instances, is_there=True)


def _connection(where: str, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if context is None:
        return http.client.HTTPConnection(where, timeout=TIMEOUT_S)
    return http.client.HTTPSConnection(where, timeout=TIMEOUT_S, context=context)


def _own_url(settings: Settings) -> str:
    """Where these settings let a server listen."""
    own = settings.server
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(own.host, own.host)  # noqa: S104  # nothing listens here
    return f"{'http' if own.tls is None else 'https'}://{host}:{own.port}"
