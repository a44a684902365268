"""``tps``: whoever generates fastest, as far as is known."""

from __future__ import annotations

import pytest
from llmlb_router_tps import RouterTpsPlugin
from llmlb_router_tps import speeds as speeds_module
from llmlb_testing.calls import candidates, make_call

from llmlb_core import Plugin, Record, Usage


class Server:
    """The router, and endpoints that generate so many tokens a second."""

    def __init__(self, tmp_path):
        plugin = RouterTpsPlugin(Plugin("router_tps", tmp_path))
        (self.speeds,) = plugin.llmlb_observers()
        self.router = next(iter(plugin.llmlb_routers()))
        self.now = 1000.0

    def end(self, endpoint, tokens_per_s, *, model="m", operation="chat", tokens=100):
        record = Record("r", self.now, model=model, operation=operation, served_by=endpoint, stream=True, ending="finished")
        record.first_token_s = 0.5
        record.duration_s = 0.5 + (tokens - 1) / tokens_per_s
        record.usage = Usage(50, tokens)
        self.speeds.on_end(record)

    def choose(self, offered, model="m"):
        return self.router.choose(make_call(model=model, received_at=self.now), offered).candidate.endpoint.name

    def play(self, count, tokens_per_s, model="m"):
        """Place calls one after the other; return how many went where."""
        offered = candidates(len(tokens_per_s), model=model)
        order = []
        for _ in range(count):
            order.append(self.choose(offered, model))
            self.end(order[-1], tokens_per_s[int(order[-1][1:])], model=model)
            self.now += 1
        return [order.count(f"e{number}") for number in range(len(tokens_per_s))]


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path)


def test_the_fastest_gets_the_calls(server):
    """And the others are tried, first of all and now and then."""
    counts = server.play(300, (20, 60, 30))

    assert counts[1] > 270
    assert min(counts) >= 3


def test_equals_take_turns(server):
    """Within a tenth."""
    counts = server.play(300, (50, 51, 49))

    assert all(95 <= count <= 105 for count in counts), counts


def test_a_new_endpoint_is_tried_and_kept_where_it_is_faster(server):
    """Nothing known of it is no reason to pass it over."""
    server.play(100, (20, 30))

    counts = server.play(100, (20, 30, 90))

    assert counts[2] > 90


def test_an_endpoint_that_became_faster_is_found(server):
    """One that served nothing for a minute is tried again."""
    server.play(200, (20, 60))

    counts = server.play(1500, (120, 60))

    assert counts[0] > 700


def test_a_new_endpoint_gets_one_call_at_a_time_until_one_ended(server):
    """Else a slow one would swallow all calls until the first of them is over."""
    for _ in range(20):
        server.end("e0", 60)
    offered = candidates(2)

    first = [server.choose(offered) for _ in range(2)]
    offered[1].in_flight = 1
    later = [server.choose(offered) for _ in range(4)]

    assert "e1" in first
    assert ["e0"] * 4 == later


def test_load_counts(server):
    """A full endpoint is taken to be twice as slow: it is passed for one that is a third slower."""
    for _ in range(30):
        server.end("e0", 60)
        server.end("e1", 45)
    offered = candidates(2)
    idle = server.choose(offered)
    offered[0].in_flight = 3

    assert ("e0", "e1") == (idle, server.choose(offered))


def test_models_and_modalities_are_learned_apart(server):
    """Fast with one model says nothing of another."""
    for _ in range(20):
        server.end("e0", 60, model="a")
        server.end("e1", 20, model="a")
        server.end("e0", 20, model="b")
        server.end("e1", 60, model="b")
        server.end("e0", 9000, model="b", operation="embedding")

    assert ("e0", "e1") == (server.choose(candidates(2, model="a"), "a"), server.choose(candidates(2, model="b"), "b"))


def test_embeddings_count_what_they_read(server):
    """They generate nothing."""
    record = Record("r", 0.0, model="m", operation="embedding", served_by="e0", ending="finished")
    record.duration_s, record.usage = 0.5, Usage(1000, 0)
    server.speeds.on_end(record)

    assert 1000 == server.speeds.tables["m", "embedding"].speeds["e0"].tokens


@pytest.mark.parametrize(
    "change",
    [
        {"ending": "failed"},
        {"ending": "cancelled"},
        {"usage": None},
        {"usage": Usage(10, 3)},
        {"served_by": ""},
        {"duration_s": 0.5},
    ],
)
def test_what_says_nothing_of_speed_teaches_nothing(server, change):
    """Cut answers, answers of a few tokens, answers that do not tell their tokens."""
    record = Record("r", 0.0, model="m", operation="chat", served_by="e0", stream=True, ending="finished")
    record.first_token_s, record.duration_s, record.usage = 0.5, 2.5, Usage(10, 100)
    for name, value in change.items():
        setattr(record, name, value)

    server.speeds.on_end(record)

    assert {} == server.speeds.tables


def test_memory_has_a_bound(server, monkeypatch):
    """Models and endpoints come and go for ever; those used longest ago are forgotten."""
    monkeypatch.setattr(speeds_module, "MAX_CELLS", 100)
    for number in range(300):
        server.end(f"e{number % 7}", 50, model=f"m{number // 3}")
    many_models = sum(len(table.speeds) for table in server.speeds.tables.values())
    for number in range(300):
        server.end(f"e{number}", 50, model="m99")

    assert many_models <= 100
    assert sum(len(table.speeds) for table in server.speeds.tables.values()) <= 100
    assert "e299" in server.speeds.tables["m99", "chat"].speeds
