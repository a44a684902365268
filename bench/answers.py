"""One plain call over HTTP, to see whether a server answers as it should."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping

from attrs import frozen

TIMEOUT_S = 30.0
EXPECTED_START = "The keeper climbs the stairs"
"""How the fake engine's answer begins."""


@frozen
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes

    def is_right(self, length: int) -> bool:
        """Say whether this is the fake engine's answer; byte for byte as long when *length* is not 0."""
        if self.status != 200 or (length and len(self.body) != length):
            return False
        try:
            return bool(json.loads(self.body)["choices"][0]["message"]["content"].startswith(EXPECTED_START))
        except (ValueError, LookupError, TypeError, AttributeError):
            return False


def ask(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """Make one call to this machine.

    Raises:
        OSError: Nothing listens there, or what listens does not speak HTTP.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from error
    finally:
        connection.close()


def engine_counts(port: int) -> dict[str, int]:
    """Return what a fake engine has answered so far."""
    counts: dict[str, int] = json.loads(ask(port, "GET", "/bench/stats", {}).body)
    return counts
