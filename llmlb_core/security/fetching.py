"""Fetching what a client's URL names, within a policy, a size and a time. aiohttp is imported with the first fetch."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from llmlb_core.errors import InvalidRequest
from llmlb_core.security.url_policy import UrlPolicy

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

MAX_REDIRECTS = 3
_PIECE_BYTES = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetcher:
    """Gets files of the web for calls; no cookie, no credential and no header of the client goes with it."""

    def __init__(self, policy: UrlPolicy, timeout_s: float, max_bytes: int) -> None:
        """Bound every fetch by *timeout_s*, redirects included, and *max_bytes*."""
        self._policy = policy
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes

    async def get(self, text: str) -> bytes:
        """Return what *text*, a URL, names.

        Raises:
            InvalidRequest: ``fetch_timeout``, ``image_too_large``, else ``fetch_failed``; without ``param``.
        """
        url = self._policy.check(text)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(url)
        except TimeoutError:
            raise InvalidRequest(
                f"The host {url.host!r} did not deliver within {self._timeout_s:g} s. Send the image as a data URL.",
                code="fetch_timeout",
            ) from None

    async def _follow(self, url: URL) -> bytes:
        library = await asyncio.to_thread(_import_aiohttp)
        for _ in range(MAX_REDIRECTS + 1):
            # A session for each step, for its resolver knows the URL that it resolves for; a step costs a connection anyway.
            resolver = _guarded(library, self._policy, url)
            async with library.ClientSession(
                connector=library.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True),
                cookie_jar=library.DummyCookieJar(),
                timeout=library.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
            ) as session:
                try:
                    headers = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "llmlb"}
                    async with session.get(url, headers=headers, allow_redirects=False) as response:
                        if response.status not in _REDIRECTS:
                            return await self._read(response, url)
                        url = self._policy.check(str(url.join(library.client.URL(response.headers.get("location", "")))))
                except (library.ClientError, OSError, ValueError) as error:
                    raise _failed(url, f"cannot be reached ({type(error).__name__})") from None
        raise _failed(url, f"redirects more than {MAX_REDIRECTS} times")

    async def _read(self, response: aiohttp.ClientResponse, url: URL) -> bytes:
        if response.status != 200:
            raise _failed(url, f"answered {response.status}")
        if (response.content_length or 0) > self._max_bytes:
            raise self._too_large(url)
        data = bytearray()
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            data += piece
            if len(data) > self._max_bytes:
                raise self._too_large(url)
        return bytes(data)

    def _too_large(self, url: URL) -> InvalidRequest:
        return InvalidRequest(
            f"What the host {url.host!r} delivers is larger than {self._max_bytes} bytes.", code="image_too_large"
        )


def _failed(url: URL, why: str) -> InvalidRequest:
    return InvalidRequest(f"The host {url.host!r} {why}. Send the image as a data URL.", code="fetch_failed")


def _import_aiohttp() -> Any:
    import aiohttp

    return aiohttp


def _guarded(library: Any, policy: UrlPolicy, url: URL) -> Any:
    """Return a resolver that gives only addresses which *policy* allows for *url*.

    What was checked is what is connected to: a name that resolves to something else a moment later (DNS rebinding) gains nothing.
    """

    class Resolver(library.abc.AbstractResolver):  # type: ignore[misc]  # imported late
        async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = await library.ThreadedResolver().resolve(host, port, family)
            for each in found:
                policy.check_address(url, each["host"])
            return found

        async def close(self) -> None:
            """Nothing is open."""

    return Resolver()
