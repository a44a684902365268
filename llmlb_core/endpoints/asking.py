"""Asking registered servers about themselves: the ``Server`` that kinds are given, over HTTP.

aiohttp is imported with the first question, so that a server without endpoints neither starts slower nor takes more memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmlb_core.contracts.endpoint_kind import Answer
from llmlb_core.endpoints.reading import json_of, text_of
from llmlb_core.errors import AnswerTooLarge, KeyRefused, RedirectRefused, ServerError, ServerTimedOut, ServerUnreachable
from llmlb_core.upstream.address import Address
from llmlb_core.upstream.refusals import unreachable

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

DEADLINE_S = 5.0
"""For one question, connecting included (66555000-F19)."""
MAX_BYTES = 8 * 1024 * 1024
"""Of one answer: a list of 10,000 models has 2 to 5 MiB."""
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPALIVE_S = 5.0  # for the questions of one check or sync; nothing stays open between two checks
_PIECE_BYTES = 64 * 1024

Shape = TypeVar("Shape")


class Asker:
    """The connections of all questions; one for a registry."""

    def __init__(self) -> None:
        """Connect nothing yet."""
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    def server(  # the last three have names
        self,
        name: str,
        address: Address,
        key: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        deadline_s: float = DEADLINE_S,
        max_bytes: int = MAX_BYTES,
    ) -> AskedServer:
        """Return the server at *address*, to be asked with *key*.

        Args:
            name: What messages call it.
            address: Where it is, and whom its certificate must be from.
            key: Sent as a bearer token; shown nowhere.
            headers: Sent instead of that, where *key* is carried in another way.
            deadline_s: For each question.
            max_bytes: Of each answer.
        """
        if headers is None:
            headers = {"authorization": f"Bearer {key}"} if key else {}
        return AskedServer(self, name, address, key, headers, deadline_s=deadline_s, max_bytes=max_bytes)

    async def session(self) -> aiohttp.ClientSession:
        """Return the session, made with the first question.

        Raises:
            RuntimeError: The asker is closed: whoever asks now should have been cancelled before.
        """
        if self._session is None and not self._is_closed:
            library = await asyncio.to_thread(_import_aiohttp)  # 0.2 s the first time; the loop goes on meanwhile
            if self._session is None and not self._is_closed:
                self._session = library.ClientSession(
                    # No bound here: a hundred servers that hang must not make the hundred-and-first wait.
                    connector=library.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
                    cookie_jar=library.DummyCookieJar(),
                    timeout=library.ClientTimeout(total=None, sock_connect=None),
                    auto_decompress=False,  # nothing was offered; and the bound is of what is read
                    headers={"accept": "application/json, */*;q=0.5", "accept-encoding": "identity", "user-agent": "llmlb"},
                )
        if self._session is None or self._is_closed:
            raise RuntimeError("the connections to endpoints are closed")
        return self._session

    async def close(self) -> None:
        """Close every connection; harmless when repeated."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class AskedServer:
    """The ``Server`` of the contract, over aiohttp."""

    def __init__(  # made in one place
        self,
        asker: Asker,
        name: str,
        address: Address,
        key: str | None,
        headers: Mapping[str, str],
        *,
        deadline_s: float,
        max_bytes: int,
    ) -> None:
        """See ``Asker.server``."""
        self._asker = asker
        self._name = name
        self._url = f"{'https' if address.tls else 'http'}://{address.host_header}{address.base_path}"
        self._tls = address.tls
        self._key = key
        self._headers = headers
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes

    def __repr__(self) -> str:
        """Name the server, without its key."""
        return f"<AskedServer {self._name!r}>"

    @property
    def name(self) -> str:
        """See ``Server``."""
        return self._name

    @property
    def url(self) -> str:
        """See ``Server``."""
        return self._url

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """See ``Server``."""
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise ValueError(f"{path!r} is no path; expected one that begins with a slash, percent-encoded")
        session = await self._asker.session()
        import aiohttp

        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._follow(session, method, path, body)
        except TimeoutError as error:
            raise ServerTimedOut(
                f"Endpoint '{self._name}' did not answer {method} {path} within {self._deadline_s:g} s.", endpoint=self._name
            ) from error
        except aiohttp.ClientError as error:
            raise self._unreachable(error) from error
        except OSError as error:
            raise ServerUnreachable(unreachable(self._name, error).message, endpoint=self._name) from error

    async def get_json(self, path: str, shape: type[Shape]) -> Shape:
        """See ``Server``."""
        return json_of(await self._ok("GET", path), shape, self._name, f"GET {path}", self._key)

    async def post_json(self, path: str, body: object, shape: type[Shape]) -> Shape:
        """See ``Server``."""
        return json_of(await self._ok("POST", path, body), shape, self._name, f"POST {path}", self._key)

    async def find_json(self, path: str, shape: type[Shape]) -> Shape | None:
        """See ``Server``."""
        answer = await self._ok("GET", path)
        try:
            return json_of(answer, shape, self._name, f"GET {path}", self._key)
        except ServerError:
            return None

    async def get_text(self, path: str) -> str:
        """See ``Server``."""
        return text_of(await self._ok("GET", path), self._name, f"GET {path}", self._key)

    async def options(self, path: str) -> Answer:
        """See ``Server``."""
        return await self.ask("OPTIONS", path)

    async def _ok(self, method: str, path: str, body: object = None) -> Answer:
        """Ask, and refuse 401 and 403."""
        answer = await self.ask(method, path, body)
        if answer.status in (401, 403):
            told = "its API key is wrong, or may not do this" if self._key else "it wants an API key, and none is set"
            raise KeyRefused(
                f"Endpoint '{self._name}' answered {answer.status} to {method} {path}: {told}. Set the endpoint's api_key.",
                endpoint=self._name,
                status=answer.status,
            )
        return answer

    async def _follow(self, session: aiohttp.ClientSession, method: str, path: str, body: object) -> Answer:
        """Ask, and again where it is sent on to on its own host."""
        from yarl import URL

        headers = dict(self._headers)
        data = None
        if body is not None:
            data, headers["content-type"] = msgspec.json.encode(body), "application/json"
        url = URL(self._url + path, encoded=True)
        origin = url.origin()
        for _ in range(MAX_REDIRECTS + 1):
            async with session.request(
                method, url, data=data, headers=headers, allow_redirects=False, ssl=self._tls or True
            ) as response:
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    return await self._read(response, method, path)
            url = self._sent_on(url, location)
            if url.origin() != origin or data is not None:
                where = f"to another host ({url.host}:{url.port})" if url.origin() != origin else "a POST"
                raise RedirectRefused(
                    f"Endpoint '{self._name}' redirects {where}, which is not followed; register the address that it should have.",
                    endpoint=self._name,
                    status=response.status,
                )
        raise RedirectRefused(f"Endpoint '{self._name}' redirects {path} again and again.", endpoint=self._name)

    async def _read(self, response: aiohttp.ClientResponse, method: str, path: str) -> Answer:
        """Read the answer, not more than may be read."""
        pieces, size = [], 0
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            size += len(piece)
            if size > self._max_bytes:
                raise AnswerTooLarge(
                    f"Endpoint '{self._name}' answered {method} {path} with more than {self._max_bytes:,} bytes; "
                    "is this the address of an inference server?",
                    endpoint=self._name,
                    status=response.status,
                )
            pieces.append(piece)
        headers: dict[str, str] = {}
        for name, value in response.headers.items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
        return Answer(response.status, headers, b"".join(pieces))

    def _sent_on(self, url: URL, location: str) -> URL:
        """Return where *location* points to, seen from *url*."""
        try:
            target = url.join(type(url)(location))
            target.origin()
        except ValueError as error:
            raise RedirectRefused(
                f"Endpoint '{self._name}' redirects to something that is no address.", endpoint=self._name
            ) from error
        return target

    def _unreachable(self, error: aiohttp.ClientError) -> ServerUnreachable:
        """Say why there was no answer, without an address."""
        cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
        if isinstance(cause, OSError):
            return ServerUnreachable(unreachable(self._name, cause).message, endpoint=self._name)
        return ServerUnreachable(
            f"Endpoint '{self._name}' broke off, or answers something that is not HTTP ({type(error).__name__}).",
            endpoint=self._name,
        )


def _import_aiohttp() -> Any:
    """Import it, in a thread."""
    import aiohttp

    return aiohttp
