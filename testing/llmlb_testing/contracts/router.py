"""The kit for routers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import attrs
import pytest

from llmlb_core import Candidate, Choice, Router
from llmlb_testing.calls import candidates, make_call
from llmlb_testing.endpoints import FakeEndpoint
from llmlb_testing.io_guard import no_io
from llmlb_testing.yard import Yard


class RouterContract:
    """Rules of ``llmlb_core.Router``. Needs a fixture ``router``."""

    def test_choosing_is_not_async(self, router: Router) -> None:
        """Nothing may happen between the reading of load and the counting of the lease."""
        assert not inspect.iscoroutinefunction(router.choose), "choose is 'async def'; write 'def'"

    @pytest.mark.parametrize("count", [1, 2, 3, 16, 1000])
    def test_it_returns_one_of_the_candidates_with_a_reason(self, router: Router, count: int) -> None:
        """The very object that it was given, not a copy; the reason is what operators read when they wonder."""
        offered = candidates(count)

        for _ in range(5):
            _check(router.choose(make_call(), offered), offered)

    def test_it_never_returns_one_that_is_absent(self, router: Router) -> None:
        """Candidates come and go from call to call; what was good a moment ago may be gone, and positions have gaps."""
        offered = candidates(8)

        for number in range(64):
            some = [candidate for candidate in offered if number >> (candidate.position % 6) & 1] or offered[3:4]
            _check(router.choose(make_call(f"k{number % 3}", model=f"m{number % 2}"), some), some)

    def test_it_changes_nothing(self, router: Router) -> None:
        """The stage counts leases; a router that counts too counts twice."""
        offered = candidates(4)
        order, before = list(offered), [attrs.asdict(each, recurse=False) for each in offered]

        router.choose(make_call(), offered)

        assert all(now is then for now, then in zip(offered, order, strict=True))
        assert [attrs.asdict(each, recurse=False) for each in offered] == before
        assert [each.endpoint.in_flight for each in offered] == [0] * 4

    def test_an_explanation_names_who_is_chosen_next(self, router: Router) -> None:
        """Asking why costs nobody a turn; what is said is what happens, unless chance decides."""
        offered = candidates(4)
        for _ in range(3):
            router.choose(make_call(), offered)
        call = make_call()

        explanation = router.explain(call, offered)

        assert [each.endpoint.name for each in offered] == [each.endpoint for each in explanation.candidates]
        choice = router.choose(call, offered)
        if choice is None:
            assert explanation.winner is None
        else:
            assert explanation.winner in {None, choice.candidate.endpoint.name}
        assert explanation.reason.strip()

    def test_it_waits_for_nothing(self, router: Router) -> None:
        """It is asked on the event loop for every lease: no file, no network, no sleep."""
        offered = candidates(4)
        router.choose(make_call(), offered)

        with no_io("choose"):
            router.choose(make_call(), offered)

    def test_the_stage_can_place_calls_with_it(self, router: Router) -> None:
        """Under the real stage ``acquire`` every call is served once there is room, and no endpoint has more than its slots."""
        yard = Yard([FakeEndpoint("e1", 2), FakeEndpoint("e2"), FakeEndpoint("e3")], router)
        try:
            arrivals = [yard.arrive(f"k{number % 3}") for number in range(12)]
            for _ in range(len(arrivals)):
                for arrival in yard.served()[:1]:
                    arrival.release()

            assert [arrival.lease is not None for arrival in arrivals] == [True] * len(arrivals)
        finally:
            yard.close()


def _check(choice: Choice | None, offered: Sequence[Candidate]) -> None:
    if choice is None:  # it refuses them all, which it may
        return
    assert any(choice.candidate is candidate for candidate in offered), "the choice is none of the candidates that it was given"
    assert isinstance(choice.reason, str)
    assert choice.reason.strip()
