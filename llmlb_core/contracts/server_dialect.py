"""Dialects of servers: how a canonical request is written for a server, and how its answer is read.

The other half of ``Dialect``, which faces clients. Where client and server speak the same dialect neither is asked: bytes pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import field, frozen

from llmlb_core.contracts.endpoint import Result
from llmlb_core.contracts.endpoint_kind import Server
from llmlb_core.contracts.streams import StreamReader
from llmlb_core.domain.calls import Operation
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.domain.requests import CanonicalRequest


@frozen
class Encoded:
    """A canonical request as a server is sent it, by POST.

    Attributes:
        path: Behind the root of the API, such as ``/messages``; percent-encoded, with its query.
        body: JSON.
        headers: Further ones, lower case; the content type, the credential and ``ServerDialect.headers`` are added.
    """

    path: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Refusal:
    """What an error document says.

    Attributes:
        message: The provider's own words, for clients.
        type: The provider's word for this kind of error, such as ``overloaded_error``; empty = none.
        code: The provider's code, where it has one beside the type.
        param: What of the request it complains of, in the provider's words.
        status: The HTTP status that it stands for, where the document says so: events in a stream have no other.
        retry_after_s: When to try again, where the document says so and not a header.
    """

    message: str
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int | None = None
    retry_after_s: float | None = None


class AnswerReader(StreamReader):
    """Reads one answer in a server's dialect, streamed or plain, into results. Made for each call; not shared.

    Of a stream everything in ``StreamReader`` holds: ``is_finished`` once all is there, ``fault`` where nothing may follow (its
    ``error`` is the data of an event in which the server says what is wrong). ``read`` returns *events* where they brought
    something, else ``b""``; the bytes go nowhere.

    Attributes:
        results: What came and was not taken yet; whoever takes it puts a new list there.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.results: list[Result] = []

    @abstractmethod
    def read_plain(self, body: bytes) -> None:
        """Take a whole answer to a call that asked for no stream; put everything into ``results``, usage on the last one.

        Raises:
            ValueError: It is not what it should be; says what was seen.
        """


class ServerDialect(ABC):
    """One wire format as servers of providers speak it. Sync and pure, but for ``list_models``; holds no state between calls.

    Attributes:
        name: The same as that of the ``Dialect`` that clients speak, where there is one: such calls are relayed as bytes.
        operations: What it can be asked; others are answered 501.
        headers: Sent with every call, unless the client sent its own and it is among ``passed_on``.
        passed_on: Headers of clients that speak the dialect which a relayed call takes along; lower case, never a credential.
    """

    name: ClassVar[str]
    operations: ClassVar[frozenset[Operation]]
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    passed_on: ClassVar[tuple[str, ...]] = ()

    def root(self, base_path: str) -> str:
        """Return the root of the API behind the path of a base URL as operators write it; no slash at its end.

        By default the path itself, and ``/v1`` where there is none.
        """
        return base_path.rstrip("/") or "/v1"

    def credential(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the headers that carry *key*."""
        return (("authorization", f"Bearer {key}"),)

    @abstractmethod
    def lacks(self, request: CanonicalRequest, model: str) -> tuple[str, ...]:
        """Return the canonical names of what *request* has that cannot be said to *model* and could be left out.

        Such as ``seed``, ``logprobs`` or ``n``. Settings decide whether the call is refused for it or made without it;
        ``encode`` is called either way and leaves them out.
        """

    @abstractmethod
    def encode(self, request: CanonicalRequest, model: str, *, stream: bool) -> Encoded:
        """Write *request* for *model*, the provider's own name of it.

        Raises:
            UnsupportedParameter: It has something without which it would mean something else; ``param`` is the canonical name.
        """

    @abstractmethod
    def answer(self, request: CanonicalRequest, *, stream: bool) -> AnswerReader:
        """Return what reads the answer to *request*."""

    @abstractmethod
    def read_refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Return what an error document says, perhaps cut; None where it is not of this dialect. Never raises."""

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Return the provider's models. Paths begin at the root of the API.

        Raises:
            ServerError: They cannot be listed.
        """
        del server
        return ()
