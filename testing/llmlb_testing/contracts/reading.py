"""The part of the dialect kit that looks at streams of servers, which are read while they pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from llmlb_core import Call, Delta, Dialect, EmbeddingRequest, StreamReader, split_events
from llmlb_testing.answers import answer, call_of, contents, encode, text_routes, write
from llmlb_testing.contracts.rendering import FAILURE
from llmlb_testing.io_guard import no_io

Bodies = Mapping[str, Sequence[dict[str, Any]]]


class ReadingContract:
    """Rules of ``llmlb_core.StreamReader``; part of ``DialectContract``. What the dialect writes stands for what servers send."""

    def test_a_whole_stream_passes_unchanged(self, dialect: Dialect, bodies: Bodies) -> None:
        """Whatever it says, in single events or all at once; and then it has content and may end."""
        for call, stream in _streams(dialect, bodies):
            for pieces in ([event for event, _ in split_events(stream)], [stream]):
                reader = dialect.reader(call)
                passed = b"".join([reader.read(piece) for piece in pieces])

                assert passed == stream
                assert reader.fault is None
                assert reader.has_content
                assert reader.ends(is_certain=True)
                assert reader.end() == b""

    def test_a_cut_stream_is_not_whole(self, dialect: Dialect, bodies: Bodies) -> None:
        """Without its last content and what follows, no uncertain end is taken for an end: half an answer is no answer."""
        for call, stream in _streams(dialect, bodies):
            reader = dialect.reader(call)
            events = [event for event, _ in split_events(stream)]
            for event in events[: len(events) // 2]:
                reader.read(event)

                assert not reader.is_finished
                assert not reader.ends(is_certain=False)

    def test_a_stream_in_which_an_error_is_told_is_not_whole(self, dialect: Dialect, bodies: Bodies) -> None:
        """The dialect's own error event ends what is passed on, or at least is no end of an answer."""
        for call in _calls(dialect, bodies):
            reader = dialect.reader(call)
            for event, _ in split_events(write(dialect, call, [Delta(text="x")], FAILURE)):
                reader.read(event)

            assert not reader.is_finished
            assert not reader.ends(is_certain=False)

    def test_a_replay_brings_what_was_missing(self, dialect: Dialect, bodies: Bodies) -> None:
        """A reader that follows what was delivered passes on the rest and no more, and knows all of it afterwards."""
        for call, stream in _streams(dialect, bodies, only=("text",)):
            events = [event for event, _ in split_events(stream)]
            whole, first, second = dialect.reader(call), dialect.reader(call), dialect.reader(call)
            whole.read(stream)
            half = b"".join([first.read(event) for event in events[: len(events) // 2]])
            if not (first.is_comparable and first.has_content and second.follow(first.transcript, first.identity)):
                continue
            rest = b"".join([second.read(event) for event in events])

            assert second.fault is None
            assert len(rest) < len(stream)
            assert _told(second) == _told(whole)
            again = dialect.reader(call)
            again.read(half + rest)
            assert _told(again) == _told(whole)

    def test_reading_waits_for_nothing(self, dialect: Dialect, bodies: Bodies) -> None:
        """It runs on the event loop for every event: no file, no network, no sleep."""
        for call, stream in _streams(dialect, bodies, only=("text",)):
            dialect.reader(call).read(stream)
            reader = dialect.reader(call)

            with no_io("read"):
                reader.read(stream)

    def test_readers_do_not_share_anything(self, dialect: Dialect, bodies: Bodies) -> None:
        """Each stream has its own."""
        for call, stream in _streams(dialect, bodies, only=("text",)):
            first, second = dialect.reader(call), dialect.reader(call)
            first.read(stream)

            assert not second.has_content
            assert second.transcript.length == 0

    def test_any_bytes_are_read(self, dialect: Dialect, bodies: Bodies) -> None:
        """Servers send anything: it is content, a fault or nothing, and nothing is raised."""
        pytest.importorskip("hypothesis", reason='pip install "llmlb-testing[hypothesis]" to draw bytes at random')
        from hypothesis import given, settings
        from hypothesis import strategies as st

        calls = list(_calls(dialect, bodies))

        @settings(deadline=None, max_examples=50)
        @given(st.binary(max_size=80))
        def read(data: bytes) -> None:
            for call in calls:
                reader = dialect.reader(call)
                reader.read(data)
                reader.read(b"data: " + data + b"\n\n")

        read()


def _told(reader: StreamReader) -> tuple[int, bytes]:
    return reader.transcript.length, reader.transcript.digest


def _calls(dialect: Dialect, bodies: Bodies) -> Iterator[Call]:
    """Yield the calls that ask for a stream."""
    for route in text_routes(dialect):
        for body in bodies[route.path]:
            call = call_of(dialect, route, encode(body))
            if call.stream and not isinstance(call.request, EmbeddingRequest):
                yield call


def _streams(dialect: Dialect, bodies: Bodies, only: Sequence[str] = ()) -> Iterator[tuple[Call, bytes]]:
    for call in _calls(dialect, bodies):
        for kind, content in contents(call):
            if content and kind in (only or (kind,)):
                yield call, write(dialect, call, answer(call, content))
