"""Feedback that serves only routers which no call can get is told of no call."""

from __future__ import annotations

import pytest

from llmlb_core import Composed, Feedback, Idle, InFlight, Rank, Rotation, Router
from llmlb_core.house.house import House
from llmlb_core.routing.learning import feedback_in_use
from llmlb_core.routing.named import RouterTable
from llmlb_core.settings.load import load_settings


class Noting(Feedback):
    """Learns nothing."""

    name = "noting"

    def __init__(self, *serves):
        self.serves = serves

    def on_end(self, record):
        """Forget it."""


class Whole(Router):
    """A router without parts."""

    name = "whole"

    def choose(self, call, candidates):
        return None


def test_feedback_is_told_where_a_router_or_a_part_of_one_is_in_use():
    """By identity: another object of the same class is not it."""
    idle, in_flight, whole = Idle(), InFlight(), Whole()
    router = Composed("mine", (), [Rank(idle)], Rotation())
    feedbacks = {
        "always": Noting(),
        "part": Noting(in_flight, idle),
        "router": Noting(whole),
        "other part": Noting(in_flight),
        "same class": Noting(Idle()),
        "policy": Noting("the policy"),
    }

    assert ["always", "part"] == [*feedback_in_use(feedbacks, [router])]
    assert ["always", "router"] == [*feedback_in_use(feedbacks, [whole])]
    policy = feedbacks["policy"].serves[0]
    assert ["always", "policy"] == [*feedback_in_use(feedbacks, (), policy)]


def test_routers_in_use_are_those_that_a_call_can_get():
    """The default one, those of models and those of keys, each once."""
    default, of_model, of_key = Whole(), Whole(), Whole()
    by_name = {"a": default, "b": of_model, "c": of_key, "d": Whole()}
    table = RouterTable(by_name, default, {"m": of_model, "n": default}, {"k": of_key})

    assert (default, of_model, of_key) == table.in_use


@pytest.mark.parametrize(
    ("text", "learning"),
    [
        ("", {"paces"}),
        ('[routing]\nrouter = "least_in_flight"', set()),
        ('[routing]\nrouter = "least_in_flight"\n[models.m]\nrouter = "tps"', {"speeds"}),
        ('[routing]\nrouter = "weighted"\n[routing.keys]\nk = "latency"', {"failures", "latencies", "paces"}),
        ('[routing]\nrouter = "own"\n[[routing.routers]]\nname = "own"\nranks = ["token_seconds"]', {"speeds"}),
        ('[routing]\nrouter = "own"\n[[routing.routers]]\nname = "own"\nfilters = ["not_failing"]', {"paces"}),
    ],
)
async def test_a_server_tells_only_feedback_of_routers_that_settings_use(tmp_path, text, learning):
    """One that nobody names costs nothing; feedback that serves nobody in particular is told in any case."""
    file = tmp_path / "llmlb.toml"
    file.write_text(text)
    house = House(load_settings(file=file, environ={}, data_dir=tmp_path / "data"))

    async with house.open():
        told = {*house.pipeline.record._feedbacks}

    assert learning == told & {"failures", "latencies", "paces", "speeds"}
    assert "apikey_quota" in told
