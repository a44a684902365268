"""The kit for dialects: how bodies are read. How answers are written is in ``rendering``, how streams are read in ``reading``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from llmlb_core import (
    Blob,
    Call,
    ChatRequest,
    CompletionRequest,
    Decoded,
    Dialect,
    EmbeddingRequest,
    FormFile,
    Head,
    Operation,
    Principal,
    Route,
    RoutingFields,
    TranscriptFacts,
    TranscriptionRequest,
    TranscriptSegment,
)
from llmlb_core.errors import EndpointFailed, InvalidRequest
from llmlb_testing import nasty
from llmlb_testing.answers import encode, text_routes
from llmlb_testing.contracts.reading import ReadingContract
from llmlb_testing.contracts.rendering import RenderingContract
from llmlb_testing.io_guard import no_io

Bodies = Mapping[str, Sequence[dict[str, Any]]]
REQUESTS = {
    Operation.CHAT: ChatRequest,
    Operation.RESPONSE: ChatRequest,
    Operation.COMPLETION: CompletionRequest,
    Operation.EMBEDDING: EmbeddingRequest,
}


class DialectContract(RenderingContract, ReadingContract):
    """Rules of ``llmlb_core.Dialect``, ``Renderer`` and ``StreamReader``.

    Needs the fixtures ``dialect`` and ``bodies``: valid request bodies by path, for every route of text at least one; rich ones,
    which use every parameter, find the most, and where a route streams one should ask for that. A dialect that knows recordings
    needs ``spoken_bodies`` as well, with one for every route that has a ``sound_mark``.
    """

    @pytest.fixture
    def spoken_bodies(self) -> Bodies:
        """Bodies with recordings, by path."""
        return {}

    def test_its_routes_are_exact_paths(self, dialect: Dialect) -> None:
        """The path chooses dialect and route, once, before the body is read; its limit is what may be read then."""
        assert dialect.routes
        assert len({route.path for route in dialect.routes}) == len(dialect.routes)
        for route in dialect.routes:
            assert route.path.startswith("/")
            assert route.max_body_bytes > 0

    def test_images_are_looked_for_in_anything(self, dialect: Dialect, bodies: Bodies) -> None:
        """A body without the route's mark has no image, nor has one that is no request; what is found can be replaced."""
        for route in text_routes(dialect):
            for body in (b"", b"{", b"[]", b"null", b"\xff", *(encode(each) for each in bodies[route.path])):
                found = dialect.images(route, body)

                assert not found or (route.image_mark and route.image_mark in body)
                urls = [f"https://example/{place}" for place, _ in enumerate(found)]
                assert not found or [each.url for each in dialect.images(route, dialect.with_images(route, body, urls))] == urls

    def test_recordings_are_looked_for_in_anything(self, dialect: Dialect, bodies: Bodies) -> None:
        """As images are: a body without the route's mark has none, nor has one that is no request."""
        for route in text_routes(dialect):
            for body in (b"", b"{", b"[]", b"null", b"\xff", *(encode(each) for each in bodies[route.path])):
                found = dialect.sounds(route, body)

                assert not found or (route.sound_mark and route.sound_mark in body)

    def test_texts_stand_where_recordings_stood(self, dialect: Dialect, spoken_bodies: Bodies) -> None:
        """In order, and then the body has none any more and can be decoded."""
        for route in text_routes(dialect):
            examples = spoken_bodies.get(route.path, ())
            assert bool(route.sound_mark) == bool(examples), f"{route.path} needs bodies with recordings where it has a sound_mark"
            for body in map(encode, examples):
                found = dialect.sounds(route, body)
                texts = [f"said {place}" for place, _ in enumerate(found)]
                written = dialect.with_texts(route, body, texts)

                assert found
                assert route.sound_mark in body
                assert len({each.param for each in found}) == len(found)
                assert not dialect.sounds(route, written)
                places = [written.index(text.encode()) for text in texts]
                assert places == sorted(places)
                assert isinstance(dialect.decode(route, written).request, REQUESTS[route.operation])

    def test_a_recording_can_be_asked_for_its_text(self, dialect: Dialect) -> None:
        """Where it has a route of transcriptions: its form is read by itself, and so is its plain answer."""
        for route in dialect.routes:
            if route.operation is not Operation.TRANSCRIPTION:
                continue
            file = FormFile("file", "a.wav", "audio/wav", Blob(b"RIFF"))
            form = dialect.transcription("listener", file)
            fields, request = dialect.parse_form(route, form), dialect.decode_form(route, form).request
            head, principal = Head("POST", route.path, "", {}, "127.0.0.1", 0.0), Principal("key:test")
            call = Call("req-test", head, route, dialect, b"", "listener", False, principal, 1e9, fields, request, form=form)
            renderer = dialect.renderer(call, "listener")
            told = [TranscriptSegment(0.0, 1.0, " Hello,"), TranscriptSegment(1.0, 2.0, " world."), TranscriptFacts("en", 2.0)]
            answer = b"".join(renderer.feed(each) for each in told) + renderer.end()

            assert (fields.model, bool(fields.stream)) == ("listener", False)
            assert isinstance(request, TranscriptionRequest)
            assert request.audio.read() == b"RIFF"
            assert dialect.transcript(answer).strip() == "Hello, world."
            for wrong in (b"", b"\xff", b"[]", b"{}", b'{"text": 1}'):
                with pytest.raises(EndpointFailed):
                    dialect.transcript(wrong)

    def test_there_is_a_body_for_every_route_of_text(self, dialect: Dialect, bodies: Bodies) -> None:
        """Else the kit would show little."""
        assert {route.path for route in text_routes(dialect)} == {path for path, examples in bodies.items() if examples}

    def test_valid_bodies_are_read(self, dialect: Dialect, bodies: Bodies) -> None:
        """Routing fields of the right types, and the canonical request of the route's operation."""
        for route, body in _examples(dialect, bodies):
            fields, decoded = dialect.parse(route, encode(body)), dialect.decode(route, encode(body))

            assert isinstance(fields, RoutingFields)
            assert fields.model is None or isinstance(fields.model, str)
            assert isinstance(fields.stream, bool)
            assert isinstance(decoded, Decoded)
            assert isinstance(decoded.request, REQUESTS[route.operation])

    def test_reading_is_pure(self, dialect: Dialect, bodies: Bodies) -> None:
        """Bytes in, values out: the same each time, no state between calls, no I/O."""
        for route, body in _examples(dialect, bodies):
            data = encode(body)
            first = dialect.parse(route, data), dialect.decode(route, data)

            with no_io("parse and decode"):
                assert (dialect.parse(route, data), dialect.decode(route, data)) == first

    def test_an_unknown_parameter_is_named_not_refused(self, dialect: Dialect, bodies: Bodies) -> None:
        """Clients are newer than servers; ``x-llmlb-ignored-parameters`` tells them what had no effect."""
        for route, body in _examples(dialect, bodies):
            decoded = dialect.decode(route, encode({**body, "unheard_of_parameter": {"a": [1]}}))

            assert "unheard_of_parameter" in decoded.ignored

    def test_what_is_no_request_is_refused(self, dialect: Dialect) -> None:
        """Whatever bytes arrive: an ``InvalidRequest``, which is a 400 with the reason, never another error, which is a 500."""
        for route in text_routes(dialect):
            for body in nasty.BYTES:
                _read(dialect, route, body)

    def test_a_body_that_was_cut_is_refused(self, dialect: Dialect, bodies: Bodies) -> None:
        """Proxies and clients break off."""
        for route, body in _examples(dialect, bodies):
            data = encode(body)
            for length in range(0, len(data), max(1, len(data) // 50)):
                with pytest.raises(InvalidRequest):
                    dialect.decode(route, data[:length])

    def test_any_value_at_any_place_is_read_or_refused(self, dialect: Dialect, bodies: Bodies) -> None:
        """Wrong types, huge numbers, lone surrogates, at every place of every body."""
        for route, body in _examples(dialect, bodies):
            for place in nasty.places(body):
                for value in nasty.VALUES:
                    _read(dialect, route, encode(nasty.replaced(body, place, value)))

    def test_hypothesis_finds_no_body_that_breaks_it(self, dialect: Dialect, bodies: Bodies) -> None:
        """Drawn at random: any bytes, any JSON, any value at any place."""
        pytest.importorskip("hypothesis", reason='pip install "llmlb-testing[hypothesis]" to draw bodies at random')
        from hypothesis import given, settings, strategies

        from llmlb_testing.strategies import broken_bodies

        @settings(max_examples=400, deadline=None, database=None)
        @given(
            strategies.sampled_from(text_routes(dialect)).flatmap(
                lambda r: strategies.tuples(strategies.just(r), broken_bodies(bodies[r.path]))
            )
        )
        def read(drawn: tuple[Route, bytes]) -> None:
            _read(dialect, *drawn)

        read()


def _examples(dialect: Dialect, bodies: Bodies) -> Iterator[tuple[Route, dict[str, Any]]]:
    for route in text_routes(dialect):
        for body in bodies[route.path]:
            yield route, body


def _read(dialect: Dialect, route: Route, body: bytes) -> None:
    for reads in (dialect.parse, dialect.decode):
        try:
            reads(route, body)
        except InvalidRequest as error:
            document = json.loads(dialect.error(error))
            assert error.status == 400  # noqa: PT017  # it may be read as well
            assert error.message.strip()  # noqa: PT017
            assert document
