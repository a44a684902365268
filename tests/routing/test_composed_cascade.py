"""The cascade: filters, ranks with tolerance, picker; and what it says of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_testing.calls import candidates, make_call

from llmlb_core import UNKNOWN, Composed, Filter, Idle, InFlight, Picker, Rank, Rotation, Scorer
from llmlb_core.errors import NoEndpoint


class Given(Scorer):
    """Scores by position."""

    name = "given"
    reason = "as given"
    unit = "s"

    def __init__(self, *scores):
        self.given = scores
        self.told = []

    def score(self, call, candidate):
        return self.given[candidate.position]

    def chosen(self, call, candidate):
        self.told.append(candidate.position)


class Only(Filter):
    """Keeps the named positions."""

    name = "only"

    def __init__(self, *positions):
        self.positions = positions

    def keep(self, call, candidates):
        return [each for each in candidates if each.position in self.positions]

    def why_not(self, call, candidate):
        return f"{candidate.position} is not wanted"


class First(Picker):
    """Picks the first and does not preview."""

    name = "first"
    reason = "first"

    def pick(self, call, candidates):
        return candidates[0]


def choose(filters, ranks, count=4, picker=None):
    choice = Composed("c", filters, ranks, picker or First()).choose(make_call(), candidates(count))
    return None if choice is None else (choice.candidate.position, choice.reason)


def test_the_first_rank_decides_alone_where_it_can():
    """Later ranks are for ties."""
    assert (2, "as given") == choose((), [Rank(Given(3, 2, 1, 2)), Rank(Given(0, 0, 9, 0))])


def test_later_ranks_break_ties_within_the_tolerance():
    """Within a fifth of the best counts as equal; one beyond it is out, however good it is later."""
    assert (1, "as given") == choose((), [Rank(Given(1.0, 1.2, 1.21, 5.0), tolerance=0.2), Rank(Given(3, 2, 0, 0))])


def test_slack_is_tolerance_in_the_unit_of_the_score():
    """The larger of the two holds: 5 ms more than 2 ms are equal, although it is more than a fifth."""
    assert (1, "as given") == choose((), [Rank(Given(0.002, 0.007, 0.008, 1), tolerance=0.2, slack=0.005), Rank(Given(9, 1, 0, 0))])


def test_a_tolerance_of_negative_scores_widens_the_tie_too():
    """Scorers such as `capability` count below zero."""
    assert (1, "as given") == choose((), [Rank(Given(-10, -9, -7, 0), tolerance=0.1), Rank(Given(1, 0, 0, 0))])


def test_what_is_unknown_goes_on_with_the_best():
    """A new endpoint is tried: nothing known of it is no reason to pass it over."""
    assert (3, "as given") == choose((), [Rank(Given(1, 2, 3, UNKNOWN)), Rank(Given(1, 0, 0, 0))])


def test_where_nothing_is_known_of_anybody_nobody_is_out():
    """The rank is passed over."""
    assert (0, "first") == choose((), [Rank(Given(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN))])


def test_filters_come_before_ranks():
    """What is not kept cannot win."""
    assert (3, "as given") == choose([Only(1, 3)], [Rank(Given(0, 2, 0, 1))])


def test_a_filter_that_lets_none_of_the_free_pass_lets_the_call_wait():
    """Its endpoint exists; it is only busy."""
    offered = candidates(4)

    assert None is Composed("c", [Only(3)], (), First()).choose(make_call(), offered[:2])


def test_a_filter_that_no_endpoint_passes_is_503():
    """Waiting would help nobody; the message names the filter and says why not, of a few."""
    with pytest.raises(NoEndpoint) as caught:
        choose([Only()], (), count=5)

    assert (
        "No endpoint of 'm' passes the filter 'only' of the router 'c'. "
        "e0: 0 is not wanted; e1: 1 is not wanted; e2: 2 is not wanted; and 2 more." == caught.value.message
    )


def test_scorers_hear_of_every_call_that_is_placed():
    """Also where a filter left one candidate only."""
    scorer, other = Given(1, 0, 0, 0), Given(0, 1, 1, 1)
    router = Composed("c", (), (Rank(scorer), Rank(other)), First())

    for _ in range(2):
        router.choose(make_call(), candidates(4))

    assert [1, 1] == scorer.told
    assert scorer.told == other.told


def test_pickers_hear_of_every_call_that_is_placed():
    """The turn of one that was the only one left is counted all the same."""
    rotation, offered = Rotation(), candidates(3)
    router = Composed("c", (), (), rotation)

    order = [router.choose(make_call(), some).candidate.position for some in (offered[:1], offered[:2], offered, offered)]

    assert [0, 1, 2, 0] == order


@given(
    scores=st.lists(st.lists(st.sampled_from([0.0, 0.1, 1.0, 1.1, 5.0, UNKNOWN]), min_size=4, max_size=4), max_size=3),
    tolerances=st.lists(st.sampled_from([0.0, 0.2]), min_size=3, max_size=3),
    kept=st.sets(st.integers(0, 3), min_size=1),
    turns=st.integers(0, 5),
)
def test_an_explanation_tells_what_happens_next(scores, tolerances, kept, turns):
    """The slow way through the cascade and the fast one agree, and explaining costs no turn."""
    ranks = [Rank(Given(*each), tolerance) for each, tolerance in zip(scores, tolerances, strict=False)]
    router, offered, call = Composed("c", [Only(*kept)], ranks, Rotation()), candidates(4), make_call()
    for _ in range(turns):
        router.choose(call, offered)

    explanation = router.explain(call, offered)
    choice = router.choose(call, offered)

    assert choice.candidate.endpoint.name == explanation.winner
    assert choice.reason == explanation.reason
    assert ["e0", "e1", "e2", "e3"] == [each.endpoint for each in explanation.candidates]
    assert 4 - len(kept) == sum(each.state == "filtered" for each in explanation.candidates)


def test_an_explanation_says_what_every_part_said():
    """Filters, scores, limits, and in words why not."""
    router = Composed("c", [Only(0, 1, 2)], [Rank(Given(1.0, 1.5, UNKNOWN, 0), tolerance=0.2), Rank(InFlight())], Rotation())

    explanation = router.explain(make_call(), candidates(4))

    assert [
        ("e0", "chosen", None, "as given", {"given": 1.0, "in_flight": 0}),
        ("e1", "outranked", "given", "1.5 s is above 1.2 s", {"given": 1.5}),
        ("e2", "equal", None, "as good; rotation chooses among equals", {"given": None, "in_flight": 0}),
        ("e3", "filtered", "only", "3 is not wanted", {}),
    ] == [(each.endpoint, each.state, each.by, each.reason, each.scores) for each in explanation.candidates]
    assert [("given", 1.0, 1.2, 2), ("in_flight", 0, 0, 2)] == [
        (each.scorer, each.best, each.limit, each.left_count) for each in explanation.ranks
    ]


def test_an_explanation_says_that_chance_decides():
    """A picker without a preview."""
    explanation = Composed("c", (), [Rank(Idle())], First()).explain(make_call(), candidates(2))

    assert (None, "chance decides among 2 equals") == (explanation.winner, explanation.reason)


def test_an_explanation_names_the_filter_that_lets_none_pass():
    """Nobody wins."""
    explanation = Composed("c", [Only()], (), First()).explain(make_call(), candidates(2))

    assert (None, "the filter only lets none pass") == (explanation.winner, explanation.reason)
    assert ["filtered", "filtered"] == [each.state for each in explanation.candidates]
