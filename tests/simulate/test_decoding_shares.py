"""Calls that generate at a time share what their endpoint can do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.simulate.decoding import Decoding
from llmlb_core.simulate.loop import START_S, VirtualLoop


def ends(calls, *, total, ceiling):
    """Return when each of ``(comes at, tokens)`` ends, from the start."""
    loop = VirtualLoop()
    decoding = Decoding(loop, total, ceiling)
    seen = {}
    for number, (at_s, tokens) in enumerate(calls):
        done = loop.create_future()
        done.add_done_callback(lambda _done, number=number: seen.update({number: loop.time() - START_S}))
        loop.at(START_S + at_s, decoding.add, tokens, done)
    loop.run()
    return [seen[number] for number in range(len(calls))]


def by_small_steps(calls, *, total, ceiling, step_s=0.001):
    """The same, by a clock that ticks."""
    left, seen, now = dict(enumerate(tokens for _, tokens in calls)), {}, 0.0
    while left:
        running = [number for number in left if calls[number][0] <= now]
        for number in running:
            left[number] -= min(ceiling, total / len(running)) * step_s
            if left[number] <= 0:
                del left[number]
                seen[number] = now + step_s
        now += step_s
    return [seen[number] for number in range(len(calls))]


def test_a_call_alone_is_as_fast_as_its_ceiling():
    """The endpoint could do more."""
    assert [2.0] == pytest.approx(ends([(0.0, 100)], total=400, ceiling=50))


def test_calls_share_equally():
    """Two of the same length that begin together end together, at half the rate."""
    assert [4.0, 4.0] == pytest.approx(ends([(0.0, 100), (0.0, 100)], total=50, ceiling=50))


def test_one_that_comes_later_slows_the_first_down_until_it_ends():
    """100 tokens at 50/s, from 1 s on shared with 25 others: those take 1 s, and the first one 2.5 s in all."""
    assert [2.5, 2.0] == pytest.approx(ends([(0.0, 100), (1.0, 25)], total=50, ceiling=50))


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 200)), min_size=1, max_size=8),
    st.floats(20, 200),
    st.floats(20, 200),
)
def test_it_ends_when_a_ticking_clock_says(calls, total, ceiling):
    """Whoever comes and goes, within the ticks."""
    expected = by_small_steps(calls, total=total, ceiling=ceiling)

    assert expected == pytest.approx(ends(calls, total=total, ceiling=ceiling), abs=0.05)


def test_times_that_a_clock_cannot_show_do_not_stop_it():
    """After a year, a millionth of a token takes less than the clock's smallest step."""
    loop = VirtualLoop()
    decoding = Decoding(loop, 1e9, 1e9)
    futures = [loop.create_future() for _ in range(3)]
    for number, done in enumerate(futures):
        loop.at(3e7 + number * 1e-8, decoding.add, 1 + number, done)

    loop.run()

    assert [True] * 3 == [done.done() for done in futures]
