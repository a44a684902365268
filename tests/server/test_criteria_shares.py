"""Who gets how many calls on a running server: equal servers get equal shares."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter

import pytest
from llmlb_testing.server import LiveServer


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A balancer as it is without settings."""
    server = LiveServer.start(tmp_path_factory.mktemp("shares") / "data", "[log]\naccess = false\n")
    yield server
    server.stop()


async def test_calls_one_after_the_other_are_spread_evenly(balancer, new_node):
    """63acef08-S1, F6, 589f2df1-S1: nine over three idle servers are three each, thirty are ten each."""
    nodes = [await new_node("even") for _ in range(3)]
    for number, node in enumerate(nodes):
        await balancer.online(node, f"even {number}")

    for _ in range(9):
        await balancer.chat("even")
    nine = [len(node.texts) for node in nodes]
    for _ in range(21):
        await balancer.chat("even")
    thirty = [len(node.texts) for node in nodes]

    assert [3, 3, 3] == nine
    assert [10, 10, 10] == thirty


async def test_a_thousand_calls_are_shared_within_five_percent(balancer, new_node):
    """63acef08-S1: 8 at a time over four equal servers: 250 each, and no call fails."""
    nodes = [await new_node("share") for _ in range(4)]
    for number, node in enumerate(nodes):
        await balancer.online(node, f"share {number}")
    left = iter(range(1000))

    async def caller() -> Counter:
        return Counter([(await balancer.chat("share", str(number))).status for number in left])

    statuses = sum(await asyncio.gather(*(caller() for _ in range(8))), Counter())

    assert Counter({200: 1000}) == statuses
    shares = [len(node.texts) / 1000 for node in nodes]
    assert all(abs(share - 0.25) <= 0.05 * 0.25 for share in shares), shares


async def test_the_quicker_of_two_servers_gets_the_calls(balancer, new_node):
    """66555000-F13: one takes a fifth of a second for every look and every call, the other nothing; it is tried all the same."""
    slow, quick = await new_node("quick", delay_s=0.2), await new_node("quick")
    await balancer.online(slow, "slow")
    await balancer.online(quick, "quick")

    answers = [await balancer.chat("quick") for _ in range(50)]

    assert {200} == {each.status for each in answers}
    assert len(quick.texts) >= 45


async def test_a_call_finds_its_server_among_a_thousand(call, tmp_path, new_node):
    """589f2df1-N6, N7, 63acef08-N4: among a thousand servers a call takes less than 50 ms; a hundred at a time are answered."""
    node = await new_node("m")
    tables = [
        f'[[endpoints]]\nname = "s{number}"\nurl = "{node.url}/{number}"\nmodels = ["m"]\ncheck_interval_s = 0\n'
        for number in range(1000)
    ]
    live = await asyncio.to_thread(LiveServer.start, tmp_path / "thousand", "\n".join(tables))
    try:
        async with call(live) as balancer:
            answers = [await balancer.chat() for _ in range(300)]
            together = await asyncio.gather(*(balancer.chat() for _ in range(100)))
    finally:
        await asyncio.to_thread(live.stop)

    assert {200} == {each.status for each in (*answers, *together)}
    assert statistics.median(each.seconds for each in answers) < 2
    assert 300 == len({each.server for each in answers})
