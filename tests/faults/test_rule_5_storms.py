"""Rules 3 and 5 under many calls: an endpoint that fails is left alone, and retries do not multiply the load."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.doors import open_doors

from llmlb_core.faults.caller import make_call
from llmlb_core.faults.case import Case, request_body
from llmlb_core.faults.fault import WORKS
from llmlb_core.faults.named import FAULTS
from llmlb_core.faults.runner import until
from llmlb_core.faults.server import FaultServer
from llmlb_core.faults.told import read_told

from .suite import TOML, caller_of, endpoint_toml, settings_of

CASE = Case(name="storm", says="", sees="", rules=(5,), faults=())
BREAKER = "[circuit_breaker]\nopen_s = 0.3\n\n"
NO_BREAKER = "[circuit_breaker]\nfailure_count = 0\nerror_rate_0_1 = 0\n\n"


@pytest.fixture(params=[BREAKER], ids=["breaker"])
async def storm(request, tmp_path):
    """A server with the endpoints ``a`` and ``b``, and what sends calls through it."""
    async with FaultServer.open() as server:
        tables = [endpoint_toml(name, f"{server.url}/{name}", "m") for name in "ab"]
        toml = TOML.format(router="round_robin") + request.param + "".join(tables)
        async with open_doors(settings_of(tmp_path / "data", toml)) as doors:
            caller = caller_of("wire", doors)

            async def send(count, mode="stream"):
                bodies = [request_body(CASE, mode, "m", f"{mode} {number}") for number in range(count)]
                return await asyncio.gather(*(make_call(caller, CASE.path, body, 20) for body in bodies))

            yield server, send, doors


def visits(server, endpoint):
    """Count the requests that came to an endpoint."""
    return sum(visit.endpoint == endpoint for visit in server.visits)


async def test_rule_5_an_endpoint_that_fails_every_call_is_soon_left_alone(storm):
    """Its clients see whole answers all the time, and it sees few more calls."""
    server, send, _ = storm
    server.schedule = lambda endpoint, asked: FAULTS["500"] if endpoint == "a" else WORKS

    answers = [answer for _ in range(40) for answer in await send(1)]

    assert [200] * 40 == [answer.status for answer in answers]
    assert 1 <= visits(server, "a") <= 15


async def test_rule_5_an_endpoint_that_is_well_again_gets_calls_again(storm):
    """After its cool-down one call is let through; when that goes well, all are."""
    server, send, _ = storm
    server.schedule = lambda endpoint, asked: FAULTS["500"] if endpoint == "a" else WORKS
    for _ in range(20):
        await send(1)
    server.schedule = None
    failed = visits(server, "a")

    async with asyncio.timeout(20):
        while visits(server, "a") < failed + 5:
            assert [200] == [answer.status for answer in await send(1)]
            await asyncio.sleep(0.02)


async def test_rule_5_busy_is_no_failure(storm):
    """Any number of 429 opens no breaker: when it has room again it is asked again at once."""
    server, send, doors = storm
    server.schedule = lambda endpoint, asked: FAULTS["429"] if endpoint == "a" else WORKS
    for _ in range(10):
        await send(1)

    shown = [each.breakers or {} for each in doors.house.endpoints.registry.snapshot.endpoints]

    assert {"closed", "cooling_down"} >= {breaker.state.value for breakers in shown for breaker in breakers.values()}


async def test_rule_5_leaving_clients_open_nothing(storm):
    """Forty clients that leave in the middle say nothing of the server."""
    server, send, doors = storm
    server.schedule = lambda endpoint, asked: FAULTS["silent_after_head"]
    caller = caller_of("wire", doors)
    leave = asyncio.Event()
    calls = [
        asyncio.create_task(make_call(caller, CASE.path, request_body(CASE, "stream", "m", f"leaver {n}"), 20, leave=leave))
        for n in range(8)
    ]
    assert await until(lambda: len(server.visits) == 8, 10)
    leave.set()
    await asyncio.gather(*calls)
    assert await until(lambda: not server.open_count, 5)
    server.schedule = None

    answers = await send(4)

    assert [200] * 4 == [answer.status for answer in answers]
    assert {"a", "b"} == {visit.endpoint for visit in list(server.visits)[8:]}


@pytest.mark.parametrize("storm", [NO_BREAKER], ids=["no-breaker"], indirect=True)
async def test_rule_3_retries_are_a_small_share_of_the_traffic(storm):
    """Everything fails: of sixty calls each may move once for free; beyond that a budget of 20 % and ten a server holds."""
    server, send, _ = storm
    server.schedule = lambda endpoint, asked: FAULTS["503"]

    answers = [answer for _ in range(6) for answer in await send(10)]

    assert all(answer.status >= 500 for answer in answers)
    assert all(len(read_told(answer).errors) == 1 for answer in answers)
    moves, budget = 60, 2 * (10 + 0.2 * 60)
    assert len(server.visits) <= 60 + moves + budget
