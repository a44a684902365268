"""05098000 and 66555000 where processes are killed: a node under a thousand calls and in a stream, and the balancer itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import define, field
from llmlb_testing.server import LiveServer

INTERVAL_S, TIMEOUT_S = 0.5, 1.0
BALANCER = f"""
[log]
access = false

[health]
interval_s = {INTERVAL_S}
timeout_s = {TIMEOUT_S}

[admission]
queue_size = 1000

[plugins.router_auto]
set_aside_s = 0.5
"""
NODE = """
[log]
access = false

[models.echo]
engine = "echo"
preload = true
options = { max_concurrency = 8, delay_s = 0.02 }
"""
LONG = "one two three four five six seven eight nine ten " * 20


@define
class Fleet:
    """Servers by name; each is started again under the address that it had.

    Attributes:
        folder: Where their data directories are.
    """

    folder: Path
    servers: dict[str, LiveServer] = field(factory=dict)

    def start(self, name: str, toml: str) -> LiveServer:
        """Start a server for the first time, or after it was killed."""
        before = self.servers.get(name)
        port = 0 if before is None else int(before.url.rpartition(":")[2])
        started = LiveServer.start(self.folder / name, toml, with_key=before is None, port=port)
        if before is not None:
            started.key = before.key
        self.servers[name] = started
        return started

    def kill(self, name: str) -> None:
        """Kill -9."""
        self.servers[name].kill()


async def written(client, endpoint_id: str) -> None:
    """Return when what was seen of servers is in the database: every five seconds, or when somebody asks for their health."""
    assert 200 == (await client.ask("GET", f"/v0/endpoints/{endpoint_id}/health")).status


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A balancer and two nodes, llmlb all three."""
    fleet = Fleet(tmp_path_factory.mktemp("crashes"))
    with ThreadPoolExecutor() as threads:
        toml_by_name = {"balancer": BALANCER, "one": NODE, "two": NODE}
        for started in [threads.submit(fleet.start, name, toml) for name, toml in toml_by_name.items()]:
            started.result()
    yield fleet
    for server in fleet.servers.values():
        server.kill()


@pytest.fixture
def own_fleet(tmp_path):
    """Servers of one test."""
    fleet = Fleet(tmp_path)
    yield fleet
    for server in fleet.servers.values():
        server.kill()


async def test_a_thousand_calls_are_answered_although_a_node_is_killed(fleet, call):
    """05098000-F13, F17, E2, 66555000-S4: none is lost, fails or gets another's answer; it comes back meanwhile."""
    nodes = {name: fleet.servers[name] for name in ("one", "two")}
    answers: list = []
    enough = asyncio.Event()
    async with call(fleet.servers["balancer"]) as client:
        ids = {name: await client.online(node.url, name, api_key=node.key) for name, node in nodes.items()}
        left = iter(range(1000))

        async def caller() -> None:
            for number in left:
                answers.append(await client.chat("echo", f"call {number}"))
                if len(answers) == 300:
                    enough.set()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(12):
                tasks.create_task(caller())
            await enough.wait()
            fleet.kill("one")
            await client.until(ids["one"], lambda each: each["status"] in ("error", "offline"))
            await asyncio.to_thread(fleet.start, "one", NODE)
        await client.until(ids["one"], lambda each: each["status"] == "online")
        back = [await client.chat("echo") for _ in range(8)]

    assert Counter({200: 1000}) == Counter(each.status for each in answers)
    texts = {each.json["choices"][0]["message"]["content"] for each in answers}
    assert {f"call {number}" for number in range(1000)} == texts
    assert {"one", "two"} == {each.server for each in answers}
    assert {"one", "two"} == {each.server for each in back}


async def test_a_stream_of_a_killed_node_goes_on_at_the_other_one_and_so_does_the_next_call(fleet, call):
    """05098000-F13, F19: what was sent is not sent again; the rest comes from the node that is left, which says the same."""
    body = {"model": "echo", "messages": [{"role": "user", "content": LONG}], "stream": True}
    async with call(fleet.servers["balancer"]) as client:
        async with client.http.post("/v1/chat/completions", json=body) as response:
            served_by = response.headers["x-llmlb-endpoint"]
            await response.content.readuntil(b"three")
            fleet.kill(served_by)
            rest = await response.text()
            text = "".join(
                json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
                for line in rest.splitlines()
                if line.startswith("data: {")
            )
        after = await client.chat("echo")

    assert rest.rstrip().endswith("data: [DONE]")
    assert LONG.rstrip().endswith(text.rstrip())
    assert '"error"' not in rest
    assert 200 == after.status
    assert served_by != after.server
    assert after.seconds < 5


async def test_a_killed_balancer_comes_back_with_everything(own_fleet, call, new_node):
    """66555000-F17, D5, 5cd7b614-F4: no server is lost; all are looked at at once: thirty silent ones delay nobody."""
    first = await asyncio.to_thread(own_fleet.start, "balancer", BALANCER)
    good, silent = await new_node("kept"), await new_node("silent")
    async with call(first) as client:
        good_id = await client.online(good, "good")
        silent_ids = [await client.register(f"{silent.url}/{number}", f"silent {number}") for number in range(30)]
        await written(client, good_id)
    own_fleet.kill("balancer")
    silent.is_silent, good.looks[:] = True, []

    second = await asyncio.to_thread(own_fleet.start, "balancer", BALANCER)
    async with call(second) as client:
        at_once = await client.chat("kept")
        began_at = time.monotonic()
        await client.until(good_id, lambda each: bool(good.looks) and each["status"] == "online")
        for each in silent_ids:
            await client.until(each, lambda shown: shown["status"] in ("error", "offline"))
        seconds = time.monotonic() - began_at

    assert 200 == at_once.status
    assert seconds < 30 * TIMEOUT_S / 2


async def test_a_balancer_starts_while_every_server_is_away(own_fleet, call, new_node):
    """66555000-E1, S4, 63acef08-E1: it starts, says 503 at once, and serves when one is back."""
    first = await asyncio.to_thread(own_fleet.start, "balancer", BALANCER)
    nodes = [await new_node("m") for _ in range(3)]
    async with call(first) as client:
        ids = [await client.online(node, f"node {number}") for number, node in enumerate(nodes)]
        await written(client, ids[0])
    own_fleet.kill("balancer")
    for node in nodes:
        node.is_well, node.status = False, 503

    second = await asyncio.to_thread(own_fleet.start, "balancer", BALANCER)
    async with call(second) as client:
        for each in ids:
            await client.until(each, lambda shown: shown["status"] == "offline")
        refused = await client.chat()
        nodes[1].is_well, nodes[1].status = True, 200
        await client.until(ids[1], lambda shown: shown["status"] == "online")
        served = await client.chat()

    assert (503, "no_capable_nodes") == (refused.status, refused.error)
    assert refused.seconds < 1
    assert (200, "node 1") == (served.status, served.server)
