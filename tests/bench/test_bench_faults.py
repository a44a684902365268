"""The reports of ``python -m bench faults`` and ``kill``: what is complained of, and what is shown."""

from __future__ import annotations

from itertools import islice

from bench.faulted import Faulted, Storm, markdown
from bench.faults import random_calls, settings_of
from bench.kill import Killed, Stream
from bench.trend import MemorySample

WHOLE = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
SHORT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
IN_BAND = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: {"error":{"message":"m"}}\n\n'


def faulted(**members) -> Faulted:
    """Return a run of ten seconds in which all went well."""
    made = Faulted(Storm(seconds=10, calls_per_s=10))
    made.ends.update(whole=95, error=3, in_band=2)
    for name, value in members.items():
        setattr(made, name, value)
    return made


def test_a_run_that_kept_its_promises_has_no_complaints():
    """Errors that were told are none."""
    assert [] == faulted().complaints(30)


def test_what_did_not_hold_is_complained_of():
    """Calls, what is left over, too few calls, and memory where the run was long enough to judge."""
    run = faulted()
    run.complain(["no end within 25.0 s"])
    left = faulted(left=["3 calls are counted in flight"])
    slow = Faulted(Storm(seconds=10, calls_per_s=200))
    grown = faulted(storm=Storm(600, 0.1), memory=[MemorySample(float(s), 100_000_000 + s * 100_000) for s in range(600)])

    assert ["1 calls broke what must hold; the first: no end within 25.0 s"] == run.complaints(30)
    assert ["3 calls are counted in flight"] == left.complaints(30)
    assert ["only 0 of 2,000 calls were made: this machine cannot make them fast enough"] == slow.complaints(30)
    assert ["memory grows by 360.0 MB/h, more than 30"] == grown.complaints(30)


def test_the_page_says_what_was_done():
    """Rate, share and endpoints stand above the table."""
    text = markdown(faulted(), "2026-01-02T03:04:05")

    assert "Measured 2026-01-02" in text
    assert "3 endpoints, 10 calls a second" in text
    assert "| broken invariants | 0 |" in text


def test_the_same_seed_gives_the_same_calls():
    """A run that found something can be made again."""
    first, second = (list(islice(random_calls(Storm(seed=7)), 200)) for _ in range(2))

    assert first == second
    assert 20 <= sum(bool(call.faults) for call in first) <= 60


def test_the_settings_have_every_endpoint():
    """Each with limits that are over soon."""
    text = settings_of("http://127.0.0.1:1", 3)

    assert 3 == text.count("[[endpoints]]")
    assert 3 == text.count("idle_s = 2")


def stream(body, *, endpoint="a", was_open=True) -> Stream:
    """Return a stream that brought *body*."""
    made = Stream("p", was_open=was_open)
    made.seen.status, made.seen.is_whole = 200, True
    made.seen.headers = {"content-type": "text/event-stream", "x-llmlb-endpoint": endpoint}
    made.seen.body += body
    return made


def test_a_killed_server_may_cost_one_stream_in_ten():
    """Whole ones and those with one error event are told apart from those that are short without saying so."""
    nine = [stream(WHOLE) for _ in range(9)]
    good = Killed(8, [*nine, stream(IN_BAND), stream(WHOLE, endpoint="b")], "a")
    poor = Killed(8, [*nine[:2], stream(IN_BAND)], "a")
    short = Killed(8, [*nine, stream(SHORT)], "a")

    assert [] == good.complaints()
    assert (10, 9, 1) == (len(good.hit), good.count("whole", hit=True), good.count("in_band", hit=True))
    assert ["67% of the streams that lost their server ended whole, expected 90%"] == poor.complaints()
    assert ["'p' is cut: no end"] == short.complaints()
