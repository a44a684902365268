"""Dialects: wire formats that clients speak."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from attrs import field, frozen

from llmlb_core.contracts.endpoint import Result
from llmlb_core.contracts.streams import BlindReader, Identity, StreamReader
from llmlb_core.domain.calls import Call, Operation
from llmlb_core.domain.forms import Form, FormFile
from llmlb_core.domain.models import Capability
from llmlb_core.domain.requests import CanonicalRequest
from llmlb_core.errors import CallError


@frozen
class Route:
    """One inference route of a dialect.

    Attributes:
        path: Exact, such as ``/v1/chat/completions``; the method is POST.
        operation: What it asks for.
        needs: What the model must be able to do.
        max_body_bytes: Above this the answer is 413.
        takes_form: Whether its body is ``multipart/form-data``, read by ``parse_form`` and ``decode_form``, instead of JSON.
        image_mark: Bytes without which no body holds an image; empty = images are not looked for. See ``images``.
        sound_mark: The same of recordings. See ``sounds``.
        has_marks: Whether either is looked for.
    """

    path: str
    operation: Operation
    needs: Capability
    max_body_bytes: int = 20 * 1024 * 1024
    image_mark: bytes = b""
    takes_form: bool = False
    sound_mark: bytes = b""
    has_marks: bool = field(init=False)

    @has_marks.default
    def _looks_for_any(self) -> bool:
        return bool(self.image_mark or self.sound_mark)


@frozen
class Entry:
    """Where a call came in: its path chose the dialect and the route, once."""

    dialect: Dialect
    route: Route


class RoutingFields(msgspec.Struct, frozen=True):
    """The few fields of a body that routing reads; a dialect's own class may have more, for its ``reader``.

    A struct that msgspec can decode a body to: everything else is skipped without being built.

    Attributes:
        model: None where the client named none.
        stream: What the client wrote; ``null`` is no.
    """

    model: str | None = None
    stream: bool | None = False


@frozen
class ImageReference:
    """An image in a body.

    Attributes:
        url: As the client wrote it: a data URL, or where to fetch it.
        param: Where in the body it stands, such as ``messages[0].content[1].image_url.url``.
    """

    url: str = field(repr=False)
    param: str


@frozen
class SoundReference:
    """A recording in a body.

    Attributes:
        data: Base64, as the client wrote it; empty where there is none.
        format: As the client named it, such as ``wav``.
        param: Where in the body its part stands, such as ``messages[0].content[1]``.
        data_param: Where ``data`` stands; likewise ``format_param``.
    """

    data: str = field(repr=False)
    format: str
    param: str
    data_param: str
    format_param: str


@frozen
class Decoded:
    """A body read whole.

    Attributes:
        request: Canonical, ranges checked.
        ignored: Names of parameters that nothing here understands.
    """

    request: CanonicalRequest
    ignored: tuple[str, ...] = ()


class Renderer(ABC):
    """Writes one answer. Made for each call; not shared.

    Attributes:
        content_type: Of the answer.
        flows: Whether what ``feed`` returns goes out as it comes although the client asked for no stream, as sound does.
    """

    content_type: str
    flows: bool = False

    @abstractmethod
    def feed(self, result: Result) -> bytes:
        """Take the next result; return what may be sent now, ``b""`` where that is nothing."""

    @abstractmethod
    def end(self) -> bytes:
        """Return the rest; for a plain answer that is all of it."""

    @abstractmethod
    def error(self, error: CallError) -> bytes:
        """Return an in-band error for a stream that has begun; no success marker follows it."""

    def follow(self, identity: Identity) -> bool:
        """Go on, instead of beginning, with an answer whose events so far had *identity*; False = that cannot be done."""
        del identity
        return False

    @property
    def identity(self) -> Identity | None:
        """What all events of this answer have in common; None where another could not go on with it."""
        return None


class Dialect(ABC):
    """One wire format. Sync and pure: bytes in, values out; it never waits and holds no state between calls.

    Attributes:
        name: Such as ``openai``.
        routes: What it serves; two dialects with one path are in conflict.
    """

    name: ClassVar[str]
    routes: tuple[Route, ...]

    @abstractmethod
    def parse(self, route: Route, body: bytes) -> RoutingFields:
        """Decode the routing fields only; about a microsecond.

        Raises:
            InvalidJson: Not JSON, or not an object.
            InvalidRequest: A routing field has the wrong type.
        """

    @abstractmethod
    def decode(self, route: Route, body: bytes) -> Decoded:
        """Decode and check everything.

        Raises:
            InvalidRequest: With ``param``.
        """

    def parse_form(self, route: Route, form: Form) -> RoutingFields:
        """Read the routing fields of a body of a route that takes forms; as ``parse``."""
        raise NotImplementedError(f"dialect {self.name!r} reads no forms, and its route {route.path} takes them")

    def decode_form(self, route: Route, form: Form) -> Decoded:
        """Read and check all of a form; as ``decode``."""
        raise NotImplementedError(f"dialect {self.name!r} reads no forms, and its route {route.path} takes them")

    def images(self, route: Route, body: bytes) -> tuple[ImageReference, ...]:
        """Return the images of *body* in order; asked where ``image_mark`` is in it.

        What is not as it should be is none: ``decode``, or the server, says what is wrong with it.
        """
        del route, body
        return ()

    def with_images(self, route: Route, body: bytes, urls: Sequence[str]) -> bytes:
        """Return *body* with *urls* in place of those of its ``images``, in order; where some are named by a URL and fetched."""
        raise NotImplementedError(f"dialect {self.name!r} finds images in {route.path} and cannot replace them")

    def sounds(self, route: Route, body: bytes) -> tuple[SoundReference, ...]:
        """Return the recordings of *body* in order; asked where ``sound_mark`` is in it.

        A part that says it is a recording is one, whatever else is wrong with it.
        """
        del route, body
        return ()

    def with_texts(self, route: Route, body: bytes, texts: Sequence[str]) -> bytes:
        """Return *body* with parts of text, *texts*, in place of its ``sounds``, in order."""
        raise NotImplementedError(f"dialect {self.name!r} finds recordings in {route.path} and cannot replace them")

    def transcription(self, model: str, file: FormFile) -> Form:
        """Return the form that asks *model* for the plain text of *file*; for a dialect with a route of transcriptions."""
        raise NotImplementedError(f"dialect {self.name!r} asks for no transcripts of {file.filename!r}")

    def transcript(self, answer: bytes) -> str:
        """Return the text out of a whole answer to ``transcription``.

        Raises:
            EndpointFailed: There is none in it.
        """
        raise NotImplementedError(f"dialect {self.name!r} reads no transcripts ({len(answer)} bytes)")

    @abstractmethod
    def renderer(self, call: Call, model: str) -> Renderer:
        """Return the renderer of *call*, answered by *model*."""

    def reader(self, call: Call) -> StreamReader:
        """Return what reads the stream that a server answers *call* with, in this dialect; absent = all of it is passed on."""
        del call
        return BlindReader()

    @abstractmethod
    def error(self, error: CallError) -> bytes:
        """Return the body of an error answer, ``application/json``."""

    def param(self, call: Call, name: str) -> str:
        """Return what the body of *call* calls the canonical parameter *name*.

        Engines know canonical names only, such as ``messages`` for the prompt of any route; error documents have the client's.
        """
        del call
        return name

    def restart(self, call: Call) -> bytes | None:
        """Return the event after which the stream of *call* begins anew; None where the dialect has no such thing.

        Sent only to clients that asked for it. Clients of the dialect that do not know the event must be able to read over it.
        """
        del call
        return None

    def heartbeat(self) -> bytes:
        """Return what keeps a silent stream open, ignored by clients."""
        return b": waiting\n\n"
