"""Rule 4 of answers that arrive whole: how long the first content of a stream is waited for."""

from __future__ import annotations

from llmlb_testing.endpoints import FakeEndpoint

from llmlb_core.domain.endpoints import Target
from llmlb_core.stages.dispatch import patience
from llmlb_core.stages.dispatch.patience import Patience, Percentile, has_other

NOBODY: frozenset[str] = frozenset()


def test_rule_4_ten_seconds_and_one_for_every_2000_tokens():
    """Four bytes are taken for a token."""
    endpoint = FakeEndpoint("a")

    assert (10.0, 11.0, 25.0) == tuple(Patience().limit_s(endpoint, tokens * 4) for tokens in (0, 2000, 30_000))


def test_rule_4_an_endpoint_that_is_mostly_slow_gets_four_times_its_95th_percentile():
    """For prompts of that size only, and for as long as it is slow."""
    endpoint, other = FakeEndpoint("a"), FakeEndpoint("b")
    known = Patience()

    for _ in range(100):
        known.note(endpoint, 1000, 20.0)
    slow_s = known.limit_s(endpoint, 1000)
    for _ in range(2000):
        known.note(endpoint, 1000, 0.1)

    assert 76 <= slow_s <= 96
    assert (10.0 + 100 / 8000, 10.0 + 1000 / 8000) == (known.limit_s(endpoint, 100), known.limit_s(other, 1000))
    assert 10.0 + 1000 / 8000 == known.limit_s(endpoint, 1000)


def test_what_is_quick_is_not_kept(monkeypatch):
    """And what is kept has a bound."""
    monkeypatch.setattr(patience, "MOST_CELLS", 5)
    known = Patience()

    for number in range(50):
        known.note(FakeEndpoint(f"quick{number}"), 10, 0.2)
    before = len(known._cells)
    for number in range(50):
        known.note(FakeEndpoint(f"slow{number}"), 10, 9.0)

    assert 0 == before
    assert len(known._cells) <= 5


def test_a_percentile_rests_where_one_of_twenty_is_above():
    """Whatever it began with."""
    for begin in (0.01, 50.0):
        found = Percentile(begin)
        for number in range(20_000):
            found.add((number * 7919 % 1000) / 1000)

        assert 0.85 <= found.value <= 1.1


def test_rule_4_another_candidate_is_one_that_takes_calls_now():
    """Not one that is down, nor one that was tried, nor the endpoint itself under another model."""
    a, b = FakeEndpoint("a"), FakeEndpoint("b")
    alone, both, spare, same = Target("m", (a,)), Target("m", (a, b)), Target("n", (b,)), Target("n", (a,))

    assert has_other(a, both, [both], NOBODY)
    assert has_other(a, alone, [alone, spare], NOBODY)
    assert not has_other(a, alone, [alone], NOBODY)
    assert not has_other(a, alone, [alone, same], NOBODY)
    assert not has_other(a, both, [both], frozenset(["b"]))
    b.reason = "is offline"
    assert not has_other(a, both, [both], NOBODY)
