"""The kit for scorers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from operator import attrgetter

import attrs
import pytest

from llmlb_core import UNKNOWN, Candidate, Composed, Rank, Rotation, Scorer
from llmlb_testing.calls import candidates, make_call
from llmlb_testing.io_guard import no_io


class ScorerContract:
    """Rules of ``llmlb_core.Scorer``. Needs a fixture ``scorer``."""

    def test_scoring_is_not_async(self, scorer: Scorer) -> None:
        """It is asked while a call is placed; a coroutine would never run."""
        for method in (scorer.score, scorer.scores, scorer.chosen):
            assert not inspect.iscoroutinefunction(method), f"{method.__name__} is 'async def'; write 'def'"

    @pytest.mark.parametrize("in_flight", [(0, 0, 0), (0, 1, 2), (3, 3, 3)])
    def test_a_score_is_a_number(self, scorer: Scorer, in_flight: Sequence[int]) -> None:
        """NaN is neither above nor below anything and would spoil the choice; ``UNKNOWN`` says that nothing is known."""
        for each in _loaded(in_flight):
            score = scorer.score(make_call(), each)

            assert isinstance(score, int | float), f"the score is {score!r}"
            assert not math.isnan(score), "the score is NaN; return UNKNOWN where nothing is known"

    @pytest.mark.parametrize("in_flight", [(0,), (0, 0, 0), (0, 1, 2), (3, 3, 3), (0,) * 1000])
    def test_all_at_once_is_the_same_as_one_by_one(self, scorer: Scorer, in_flight: Sequence[int]) -> None:
        """``scores`` may be faster than ``score``, never different; None stands for scores that are alike, or unknown."""
        offered, call = _loaded(in_flight), make_call()

        one_by_one = [scorer.score(call, each) for each in offered]
        at_once = scorer.scores(call, offered)

        if at_once is None:
            assert len(set(one_by_one) - {UNKNOWN}) <= 1, f"scores() says that all are alike, but they are {one_by_one}"
        else:
            assert one_by_one == list(at_once)

    @pytest.mark.parametrize("in_flight", [(0, 0, 0), (0, 1, 2), (3, 3, 3)])
    @pytest.mark.parametrize("tolerance", [0.0, 0.2])
    def test_who_knows_nothing_tells_nobody_apart(self, scorer: Scorer, in_flight: Sequence[int], tolerance: float) -> None:
        """While what it ``knows`` is empty, and what it ``asks`` is false of every candidate, a cascade does not ask."""
        offered, call, known = _loaded(in_flight), make_call(), scorer.knows(tolerance)
        says_all = known is not None or bool(scorer.asks)
        if says_all and not known and not any(attrgetter(name)(each) for each in offered for name in scorer.asks):
            scores = [score for score in [scorer.score(call, each) for each in offered] if score != UNKNOWN]

            assert not scores or max(scores) <= Rank(scorer, tolerance).limit(min(scores)), f"it tells them apart: {scores}"
        assert known is scorer.knows(tolerance), "it returns another container each time"

    def test_it_changes_nothing(self, scorer: Scorer) -> None:
        """Candidates are shared: what is written into one is there for every later call."""
        offered = _loaded((0, 1, 2))
        before = [attrs.asdict(each, recurse=False) for each in offered]

        scorer.scores(make_call(), offered)
        scorer.chosen(make_call(), offered[0])

        assert [attrs.asdict(each, recurse=False) for each in offered] == before

    def test_a_cascade_can_rank_by_it(self, scorer: Scorer) -> None:
        """Whatever it says, one of the candidates wins, and an explanation tells the same."""
        router, offered = Composed("kit", (), (Rank(scorer, tolerance=0.1),), Rotation()), _loaded((0, 2, 1, 0))

        for _ in range(8):
            call = make_call()
            expected = router.explain(call, offered).winner
            choice = router.choose(call, offered)

            assert choice is not None
            assert choice.candidate.endpoint.name == expected
        assert scorer.reason.strip()

    def test_it_waits_for_nothing(self, scorer: Scorer) -> None:
        """It is asked on the event loop for every choice: no file, no network, no sleep."""
        offered = _loaded((0, 1))
        scorer.scores(make_call(), offered)

        with no_io("scores"):
            scorer.scores(make_call(), offered)


def _loaded(in_flight: Sequence[int]) -> list[Candidate]:
    offered = candidates(len(in_flight), max_in_flight=8)
    for each, count in zip(offered, in_flight, strict=True):
        each.in_flight = count
    return offered
