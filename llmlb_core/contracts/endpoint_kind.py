"""Kinds of servers: how one kind of remote server is recognised, listed, and watched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, TypeVar

import msgspec
from attrs import field, frozen

from llmlb_core.domain.remote import RemoteModel, Report
from llmlb_core.errors import AnswerUnexpected, CallError

Shape = TypeVar("Shape")


@frozen
class Answer:
    """What a server answered, whatever the status.

    Attributes:
        headers: Lower-case names.
        body: At most what may be read; see ``Server``.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


@frozen
class Continuation:
    """What makes a server go on with an answer of which a part is there.

    Attributes:
        body: Of a call to the same route as the one whose answer broke.
        is_capped: Whether it may end for length earlier than the client asked for: what ends so is not taken for an end.
    """

    body: bytes = field(repr=False)
    is_capped: bool = False


class Server(Protocol):
    """A registered server, as a kind asks it questions.

    Paths begin with a slash and are appended to the server's address, which has no ``/v1``: ``/v1/models``, ``/api/tags``.
    Every question has a deadline and a bound of bytes. The server's API key is added, and cannot be seen. Redirects stay on
    the server's own host, others are refused. All methods raise ``ServerError`` and nothing else; cancelling closes the connection.

    A *shape* is what ``msgspec`` can decode: a ``Struct`` of the members that matter (others are skipped), a ``dict[str, object]``.

    Attributes:
        name: What people call the server.
        url: Its address, without ``/v1`` and without a slash at its end. For comparing, not for connecting.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def url(self) -> str:
        """See the class."""
        ...

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Return the answer, whatever its status; *body* is sent as JSON."""
        ...

    async def get_json(self, path: str, shape: type[Shape]) -> Shape:
        """Return what GET *path* answers; KeyRefused, AnswerNotJson and AnswerUnexpected where that is not 2xx of the shape."""
        ...

    async def post_json(self, path: str, body: object, shape: type[Shape]) -> Shape:
        """As ``get_json``, for POST. For questions only: nothing that generates, loads or costs."""
        ...

    async def find_json(self, path: str, shape: type[Shape]) -> Shape | None:
        """As ``get_json``, and None where the server has no such page: another status, no JSON, another shape.

        401 and 403 are ``KeyRefused`` nevertheless: what is behind the key is not known.
        """
        ...

    async def get_text(self, path: str) -> str:
        """Return the text of GET *path*; AnswerUnexpected where that is not 2xx."""
        ...

    async def options(self, path: str) -> Answer:
        """Return the answer of OPTIONS *path*, whatever its status."""
        ...


class _ListedModel(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    model: str | None = None
    owned_by: object = None


class _ModelList(msgspec.Struct):
    data: list[_ListedModel] | None = None
    models: list[_ListedModel] | None = None


class EndpointKind(ABC):
    """One kind of remote server. Stateless: one object serves all servers of its kind, at the same time.

    The core decides when to ask and what follows; a kind only asks, a bounded number of times, and returns what it saw.

    Attributes:
        name: What the endpoint's ``kind`` says.
        dialects: What it can be sent as bytes.
        default_max_in_flight: Calls at a time, where neither the operator nor the server (``Report.max_in_flight``) says so.
        probe_order: Kinds are asked to detect in this order, lower first; what fits many servers comes last.
        is_passive: Nothing can be asked about its health: ``check`` is never called, only traffic tells.
    """

    name: ClassVar[str]
    dialects: ClassVar[tuple[str, ...]] = ("openai",)
    default_max_in_flight: ClassVar[int] = 8
    probe_order: ClassVar[int] = 100
    is_passive: ClassVar[bool] = False

    @abstractmethod
    async def detect(self, server: Server) -> bool:
        """Say whether *server* is of this kind: by what only this kind answers, at best with one question.

        Raises:
            ServerError: It cannot be said.
        """

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Return the models that *server* has, in its order; names as it says them: the core refuses bad ones.

        By default what ``GET /v1/models`` lists, in OpenAI's shape or as ``{"models": [{"name"}]}`` (66555000-F21).

        Raises:
            ServerError: They cannot be listed; those known before stay.
        """
        listed = await server.get_json("/v1/models", _ModelList)
        found = listed.data if listed.data is not None else listed.models
        if found is None:
            raise AnswerUnexpected(
                f"endpoint '{server.name}': /v1/models answered JSON with neither 'data' nor 'models'; "
                "is this the address of an OpenAI-compatible API?",
                endpoint=server.name,
                status=200,
            )
        names = ((each.id or each.name or each.model, each.owned_by) for each in found)
        return [RemoteModel(name, owned_by=owner if isinstance(owner, str) else "") for name, owner in names if name]

    async def check(self, server: Server) -> Report:
        """Ask *server* how it is; the cheapest question that shows it can serve. Called every half minute.

        A server that answers and cannot serve yet is ``is_loading``, not an error.

        Raises:
            ServerError: It is not well.
        """
        await server.get_json("/v1/models", msgspec.Raw)
        return Report()

    async def find_responses(self, server: Server) -> bool | None:
        """Say whether *server* serves ``/v1/responses`` for its models that generate text; None where nothing tells.

        Called with ``list_models``; a model whose ``apis`` name the route has it anyway. Never by a call that costs
        (24157000-F19). By default: OPTIONS answers 2xx, or 405 with POST among what it allows; a kind whose servers answer 2xx
        to any OPTIONS overrides it.
        """
        answer = await server.options("/v1/responses")
        allowed = {word.strip().upper() for word in answer.headers.get("allow", "").split(",")} - {""}
        if answer.is_ok:
            return "POST" in allowed if allowed else True
        return answer.status == 405 and "POST" in allowed

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> CallError | None:
        """Return what an error answer to a call means, where this kind says it in its own way; None = judge by the status.

        Pure, and never raises. Texts that clients may read: no address, no secret.

        Args:
            status: 400 or above.
            headers: Lower-case names.
            body: The first bytes of it, perhaps cut.
        """
        del status, headers, body
        return None

    def continue_body(self, route: str, body: bytes, delivered: str, version: str | None) -> Continuation | None:
        """Return what makes a server go on with an answer that broke; None = that cannot be said for sure, and is not tried.

        A kind overrides it where its servers document that they continue a partial answer. What the server then streams must be
        the rest of the answer, without *delivered*. Pure; any request may come, also one that is no good.

        Args:
            route: Where the call goes, such as ``/v1/chat/completions``.
            body: What the client sent.
            delivered: What of the answer went out: text of its one choice and nothing else. Never empty.
            version: What the server last said of itself (``Report.version``).
        """
        del route, body, delivered, version
        return None
