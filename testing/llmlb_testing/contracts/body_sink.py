"""The kit for sinks of bodies."""

from __future__ import annotations

import inspect
import time

from llmlb_core import Bodies, BodySink, Record
from llmlb_testing.io_guard import no_io

MAX_TAKE_S = 0.05
"""Far above a millisecond, which a busy machine may take for nothing."""


def make_bodies(number: int, size: int = 1000) -> Bodies:
    """Return the bodies of one call, *size* bytes each."""
    record = Record(f"req-{number:08}", time.monotonic(), operation="chat", model="m", status=200, ending="finished")
    return Bodies(record, b"x" * size, bytearray(b"y" * size), "application/json")


class BodySinkContract:
    """Rules of ``llmlb_core.BodySink``. Needs a fixture ``sink``: a new one, with nothing behind it that takes anything."""

    def test_it_is_not_async(self, sink: BodySink) -> None:
        """A coroutine would never run: calls do not wait for a sink."""
        assert not inspect.iscoroutinefunction(sink.take), "take is 'async def'; write 'def'"

    def test_a_body_fits_between_its_bounds(self, sink: BodySink) -> None:
        """Where one call could pass the bound of all, none that is long would ever be kept."""
        assert sink.max_body_bytes > 0
        assert 2 * sink.max_body_bytes <= sink.max_held_bytes, "two bodies of max_body_bytes pass max_held_bytes"

    def test_it_counts_what_it_holds(self, sink: BodySink) -> None:
        """The core adds that to what running calls hold: a sink that forgets to count has no bound."""
        before, dropped_count = sink.held_bytes, sink.dropped_count
        bodies = make_bodies(1)

        sink.take(bodies)

        assert sink.held_bytes >= before + bodies.size_bytes or sink.dropped_count == dropped_count + 1

    def test_it_never_holds_more_than_its_bound(self, sink: BodySink) -> None:
        """Nor refuses with an error: what does not fit is dropped and counted."""
        size = min(sink.max_body_bytes, 1_000_000)
        count = sink.max_held_bytes // (2 * size) + 3

        for number in range(count):
            sink.take(make_bodies(number, size))

        assert sink.held_bytes <= sink.max_held_bytes
        assert 1 <= sink.dropped_count <= count, f"{count} calls were too many, {sink.dropped_count} are counted as dropped"

    def test_it_waits_for_nothing(self, sink: BodySink) -> None:
        """It is called on the event loop: no file, no network, no sleep, no time that is felt."""
        sink.take(make_bodies(1))
        began_at = time.perf_counter()

        with no_io("take"):
            sink.take(make_bodies(2, min(sink.max_body_bytes, 1_000_000)))

        assert time.perf_counter() - began_at < MAX_TAKE_S
