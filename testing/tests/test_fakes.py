"""Fakes behave as the real things do where it matters."""

from __future__ import annotations

import socket
import time

import pytest
from llmlb_testing.answers import frames
from llmlb_testing.calls import candidates, make_call
from llmlb_testing.endpoints import FakeEndpoint
from llmlb_testing.imports import heavy_imports
from llmlb_testing.io_guard import no_io
from llmlb_testing.plugins import plugin_context

from llmlb_core import ModelInfo


async def test_the_app_answers_a_chat(app):
    """The pipeline, a worker and the dialect, without a socket."""
    answer = await app.chat("hello there")

    assert 200 == answer.status
    assert "hello there" == answer.json["choices"][0]["message"]["content"]
    assert 200 == (await app.http.get("/v1/models")).status_code


async def test_the_app_streams(app):
    """Events, in order, up to the last."""
    answer = await app.chat("hello there", stream=True)

    assert "[DONE]" == answer.events[-1]


def test_a_server_starts_and_stops(start_server):
    """With a key that works."""
    server = start_server('[models.echo]\nengine = "echo"\n')

    assert server.url.startswith("http://127.0.0.1:")
    assert server.key.startswith("sk_")


def test_candidates_stand_in_order():
    """As the stage hands them over: positions from 0, all of one target, idle."""
    offered = candidates(3, model="x")

    assert [0, 1, 2] == [candidate.position for candidate in offered]
    assert {"x"} == {candidate.target.model for candidate in offered}
    assert [candidate.endpoint for candidate in offered] == list(offered[0].target.endpoints)


def test_a_fake_endpoint_refuses_wrong_counts():
    """More leases than slots, or more given back than given."""
    endpoint = FakeEndpoint("e1", limit=1)
    endpoint.in_flight += 1

    with pytest.raises(AssertionError, match="2 leases, 1 slots"):
        endpoint.in_flight += 1
    endpoint.in_flight -= 1
    with pytest.raises(AssertionError, match="more leases were given back"):
        endpoint.in_flight -= 1


def test_calls_have_ids_of_their_own():
    """And carry what a test gives them."""
    first, second = make_call("A", model="x", headers={"x-session": "1"}), make_call("B")

    assert first.id != second.id
    assert ("A", "x", "1") == (first.principal.id, first.model, first.head.headers["x-session"])


def test_a_plugin_context_knows_models(tmp_path):
    """By id and by alias, in order."""
    models = [ModelInfo(name, 0, "llmlb", (), True, "ready", aliases=(f"{name}-alias",)) for name in ("b", "a")]
    plugin = plugin_context(tmp_path, settings=1, models=models)

    assert plugin.models is not None
    assert ["a", "b"] == [model.id for model in plugin.models.list()]
    assert "b" == plugin.models.find("b-alias").id
    assert plugin.models.find("c") is None


@pytest.mark.parametrize(
    "waits", [lambda path: path.write_text("x"), lambda _: time.sleep(0), lambda _: socket.getaddrinfo("127.0.0.1", 1)]
)
def test_waiting_is_seen(waits, tmp_path):
    """Files, sleep, names; and the guard ends with its block."""
    with pytest.raises(AssertionError, match="choose is called on the event loop"), no_io("choose"):
        waits(tmp_path / "file")

    waits(tmp_path / "file")
    with no_io("nothing"):
        sum(range(10))


def test_kits_need_no_optional_library():
    """Neither hypothesis nor psutil, nor anything heavy, is imported with them; the fixtures import next to nothing."""
    assert [] == heavy_imports("llmlb_testing.contracts", frozenset({"hypothesis", "psutil", "quart", "tortoise", "openai"}))
    assert [] == heavy_imports("llmlb_testing.fixtures", frozenset({"hypothesis", "psutil", "quart", "attrs", "llmlb_core"}))


def test_a_stream_that_ends_within_an_event_is_no_stream():
    """``frames`` reads whole events only."""
    assert [{"event": "a", "data": "1"}] == frames(b": comment\n\nevent: a\ndata: 1\n\n")
    with pytest.raises(AssertionError, match="ends within an event"):
        frames(b"data: 1")
