"""The kit for filters."""

from __future__ import annotations

import inspect

import attrs
import pytest

from llmlb_core import Filter
from llmlb_testing.calls import candidates, make_call
from llmlb_testing.io_guard import no_io


class FilterContract:
    """Rules of ``llmlb_core.Filter``. Needs a fixture ``candidate_filter``."""

    def test_keeping_is_not_async(self, candidate_filter: Filter) -> None:
        """It is asked while a call is placed; a coroutine would never run."""
        assert not inspect.iscoroutinefunction(candidate_filter.keep), "keep is 'async def'; write 'def'"

    @pytest.mark.parametrize("count", [1, 2, 16, 1000])
    def test_it_returns_some_of_the_candidates_in_their_order(self, candidate_filter: Filter, count: int) -> None:
        """The very objects that it was given, none twice, in order of position: pickers rely on it."""
        offered = candidates(count)

        kept = candidate_filter.keep(make_call(), offered)

        assert all(any(each is one for one in offered) for each in kept), "it kept something that is not a candidate"
        places = [each.position for each in kept]
        assert places == sorted(set(places)), "it changed the order, or kept one twice"

    def test_who_knows_nothing_lets_everybody_pass(self, candidate_filter: Filter) -> None:
        """While ``knows`` is empty, a cascade does not ask."""
        offered = candidates(4)

        assert candidate_filter.knows is None or candidate_filter.knows or candidate_filter.keep(make_call(), offered) is offered

    def test_it_changes_nothing(self, candidate_filter: Filter) -> None:
        """Candidates are shared: what is written into one is there for every later call."""
        offered = candidates(4)
        order, before = list(offered), [attrs.asdict(each, recurse=False) for each in offered]

        candidate_filter.keep(make_call(), offered)

        assert all(now is then for now, then in zip(offered, order, strict=True))
        assert [attrs.asdict(each, recurse=False) for each in offered] == before

    def test_it_says_the_same_when_asked_again(self, candidate_filter: Filter) -> None:
        """An explanation asks once more, and so does a call that waits."""
        offered, call = candidates(8), make_call()

        first = list(candidate_filter.keep(call, offered))

        assert all(again is then for again, then in zip(candidate_filter.keep(call, offered), first, strict=True))

    def test_it_says_why_not(self, candidate_filter: Filter) -> None:
        """Operators read it in explanations, clients where no endpoint passes."""
        for each in candidates(3):
            why = candidate_filter.why_not(make_call(), each)

            assert isinstance(why, str)
            assert why.strip()

    def test_it_waits_for_nothing(self, candidate_filter: Filter) -> None:
        """It is asked on the event loop for every choice: no file, no network, no sleep."""
        offered = candidates(4)
        candidate_filter.keep(make_call(), offered)

        with no_io("keep"):
            candidate_filter.keep(make_call(), offered)
