"""Routers that settings name, on a running server."""

from __future__ import annotations

import subprocess
import sys

import pytest
from llmlb_testing.server import LiveServer

OWN = """
[log]
access = false
[routing]
router = "own"
[[routing.routers]]
name = "own"
filters = ["not_failing"]
ranks = [{ scorer = "in_flight", slack = 100 }]
picker = "weighted"
[plugins.router_auto.weights]
"heavy 0" = 3.0
[models.turns]
router = "round_robin"
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A balancer with a router of its own."""
    server = LiveServer.start(tmp_path_factory.mktemp("routers") / "data", OWN)
    yield server
    server.stop()


async def test_a_router_composed_in_settings_places_calls(balancer, new_node):
    """589f2df1-F12: its picker gives one server three calls for each of the other's."""
    nodes = [await new_node("heavy") for _ in range(2)]
    for number, node in enumerate(nodes):
        await balancer.online(node, f"heavy {number}")

    for _ in range(12):
        await balancer.chat("heavy")

    assert [9, 3] == [len(node.texts) for node in nodes]


async def test_a_model_may_have_another_router(balancer, new_node):
    """Each in turn."""
    nodes = [await new_node("turns") for _ in range(3)]
    for number, node in enumerate(nodes):
        await balancer.online(node, f"turns {number}")

    for _ in range(6):
        await balancer.chat("turns")

    assert [2, 2, 2] == [len(node.texts) for node in nodes]


@pytest.mark.parametrize("router", ["auto", "latency", "metrics", "prefix", "session", "tps", "weighted"])
def test_every_router_can_be_named_by_the_environment(tmp_path, router):
    """589f2df1-F15: the server that was told so is ready."""
    server = LiveServer.start(tmp_path / "data", "", env={"LLMLB_LOAD_BALANCER_MODE": router}, with_key=False)
    server.stop()


def test_a_name_that_nothing_has_stops_the_start(tmp_path):
    """With exit code 2, and the names that there are."""
    (tmp_path / "llmlb.toml").write_text('[routing]\nrouter = "fastest"\n')

    done = subprocess.run(
        [sys.executable, "-m", "llmlb_core", "serve", "--port", "0", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 2 == done.returncode
    assert (
        "routing.router: no active plugin brings the router 'fastest'; there are: auto, latency, least_in_flight, " in done.stderr
    )
