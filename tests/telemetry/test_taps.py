"""Copies of what calls say, over both kinds of outlet."""

import asyncio

import pytest

from llmlb_core import BodySink, Record
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.telemetry.taps import TappedOutlet, Taps
from llmlb_core.web.outlet import AsgiOutlet

CHAT = b'{"model":"m"}'
HEADERS = [("content-type", "text/event-stream"), ("x-request-id", "r")]


class Keeping(BodySink):
    name = "keeping"

    def __init__(self, max_body_bytes=100, max_held_bytes=1000):
        self.max_body_bytes, self.max_held_bytes = max_body_bytes, max_held_bytes
        self.taken = []

    def take(self, bodies):
        self.taken.append(bodies)
        self.held_bytes += bodies.size_bytes


class Raising(Keeping):
    name = "raising"

    def take(self, bodies):
        raise OSError("disk")


def make_outlet(body=CHAT):
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message):
        pass

    return AsgiOutlet(receive, send)


def make_taps(*sinks):
    faults = []
    taps = Taps({sink.name: sink for sink in sinks}, lambda name, error: faults.append((name, type(error).__name__)))
    return taps, faults


async def run(taps, *pieces, body=CHAT, reads=True):
    """Send one call through a tap and return its record."""
    record = Record("req-1", 0.0)
    outlet = taps.tap(record, make_outlet(body))
    if reads:
        assert body == await outlet.body(10**9, 1)
    outlet.open(200, HEADERS)
    for piece in pieces:
        outlet.write(piece)
    taps.close(outlet)
    return record


async def test_sink_is_given_both_bodies_byte_for_byte():
    """With the record that the pipeline filled in, and the answer's content type."""
    sink = Keeping()
    taps, _ = make_taps(sink)

    record = await run(taps, b"data: a\n\n", b": beat\n\n", b"data: b\n\n")

    (bodies,) = sink.taken
    assert (record, CHAT, b"data: a\n\n: beat\n\ndata: b\n\n") == (bodies.record, bodies.request, bytes(bodies.answer))
    assert ("text/event-stream", False, False) == (bodies.content_type, bodies.is_request_cut, bodies.is_answer_cut)
    assert {("keeping",): bodies.size_bytes} == taps.held_bytes()


async def test_long_bodies_are_cut_and_say_so():
    """What goes out is whole all the same."""
    sink = Keeping(max_body_bytes=10)
    taps, _ = make_taps(sink)

    await run(taps, b"12345678", b"abcdefgh", b"more", body=b"x" * 50)

    (bodies,) = sink.taken
    assert (b"x" * 10, b"12345678ab", True, True) == (
        bodies.request,
        bytes(bodies.answer),
        bodies.is_request_cut,
        bodies.is_answer_cut,
    )


async def test_body_of_exactly_the_bound_is_whole():
    """The bound itself is allowed."""
    sink = Keeping(max_body_bytes=10)
    taps, _ = make_taps(sink)

    await run(taps, b"12345", b"12345", body=b"x" * 10)

    assert [(False, False)] == [(each.is_request_cut, each.is_answer_cut) for each in sink.taken]


async def test_call_above_the_bound_of_all_is_dropped_and_counted():
    """Open calls and the sink count together; what was held is free again at once."""
    sink = Keeping(max_body_bytes=1000, max_held_bytes=30)
    taps, _ = make_taps(sink)
    outlet = taps.tap(Record("req-1", 0.0), make_outlet())
    await outlet.body(100, 1)
    held = taps.held_bytes()[("keeping",)]

    outlet.write(b"x" * 20)
    outlet.write(b"y")
    after = taps.held_bytes()[("keeping",)]
    taps.close(outlet)
    await run(taps, b"short")

    assert (len(CHAT), 0) == (held, after)
    assert (1, 1) == (sink.dropped_count, len(sink.taken))
    assert {("keeping",): 1} == taps.dropped()


async def test_request_above_the_bound_of_all_frees_nothing_that_others_hold():
    """A call that was never booked takes nothing away."""
    sink = Keeping(max_held_bytes=len(CHAT) + 1)
    taps, _ = make_taps(sink)
    first = taps.tap(Record("req-1", 0.0), make_outlet())
    await first.body(100, 1)

    await run(taps, b"x")
    held = taps.held_bytes()[("keeping",)]
    taps.close(first)

    assert len(CHAT) == held
    assert (1, 1) == (sink.dropped_count, len(sink.taken))
    assert len(CHAT) == taps.held_bytes()[("keeping",)]


async def test_call_whose_body_was_never_read_leaves_nothing():
    """Whoever is not let in cannot fill the sink."""
    sink = Keeping()
    taps, _ = make_taps(sink)

    await run(taps, b'{"error": {}}', reads=False)

    assert ([], 0) == (sink.taken, sink.dropped_count)


async def test_sink_that_raises_hurts_no_other():
    """Its plugin's status says what it raised, and the call is counted as lost."""
    raising, sink = Raising(), Keeping()
    taps, faults = make_taps(raising, sink)

    await run(taps, b"x")

    assert [("raising", "OSError")] == faults
    assert (1, 1) == (raising.dropped_count, len(sink.taken))


async def test_closing_twice_gives_the_sink_one_call():
    """Whatever ends a call may do so again."""
    sink = Keeping()
    taps, _ = make_taps(sink)
    outlet = taps.tap(Record("req-1", 0.0), make_outlet())
    await outlet.body(100, 1)

    taps.close(outlet)
    taps.close(outlet)

    assert 1 == len(sink.taken)


@pytest.mark.parametrize("name", [name for name in vars(Outlet) if not name.startswith("_")])
def test_every_member_of_an_outlet_is_the_outlets_own(name):
    """State that either side reads or sets is one; only what is remembered passes through the tap."""
    inner = make_outlet()
    outlet = make_taps(Keeping())[0].tap(Record("req-1", 0.0), inner)

    if name in ("body", "body_at_once", "note_body", "open", "write"):
        assert name in vars(TappedOutlet)
    elif callable(getattr(Outlet, name)):
        assert getattr(inner, name) == getattr(outlet, name)
    else:
        mark = object()
        setattr(outlet, name, mark)
        assert mark is getattr(inner, name) is getattr(outlet, name)
    assert isinstance(outlet, Outlet)


async def test_of_a_body_read_in_pieces_a_summary_is_kept():
    """Never the pieces: they are a file; every sink gets it."""
    first, second = Keeping(), Keeping()
    second.name = "second"
    taps, _ = make_taps(first, second)
    outlet = taps.tap(Record("req-1", 0.0), make_outlet(b"RIFF" * 10))

    assert b"RIFF" * 10 == await outlet.piece(10**9, 1)
    outlet.note_body(b'{"file":{"size_bytes":40}}')
    taps.close(outlet)

    assert [b'{"file":{"size_bytes":40}}'] * 2 == [sink.taken[0].request for sink in (first, second)]


@pytest.mark.parametrize("kind", ["audio/mpeg", "image/png", "application/octet-stream", ""])
async def test_sound_and_pictures_are_not_kept(kind):
    """The request is; the answer is said to be cut."""
    sink = Keeping()
    taps, _ = make_taps(sink)
    outlet = taps.tap(Record("req-1", 0.0), make_outlet())
    await outlet.body(100, 1)

    outlet.open(200, [("content-type", kind)])
    outlet.write(b"ID3\x00")
    taps.close(outlet)

    (bodies,) = sink.taken
    assert (CHAT, b"", kind, True) == (bodies.request, bytes(bodies.answer), bodies.content_type, bodies.is_answer_cut)
