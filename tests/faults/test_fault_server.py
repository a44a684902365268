"""The fault server itself: it works when nothing is asked of it, breaks as it is told, and tells what came."""

from __future__ import annotations

import asyncio
import json

import pytest

from llmlb_core.faults.caller import HttpCaller, Seen, make_call
from llmlb_core.faults.case import Case, request_body
from llmlb_core.faults.cases import CASES
from llmlb_core.faults.fault import Fault
from llmlb_core.faults.judge import broken_invariants, judge
from llmlb_core.faults.named import FAULTS
from llmlb_core.faults.runner import until
from llmlb_core.faults.server import FaultServer
from llmlb_core.faults.told import has_content, read_told

CASE = Case(name="direct", says="", sees="", rules=(), faults=())
BEFORE_TEXT = {"works", "no_sentinel_open", "open_after_sentinel", "slow", "huge_event", "no_role", "no_usage", "filtered_text"}


@pytest.fixture
async def server():
    """A fault server with its control plane."""
    async with FaultServer.open(can_control=True) as server:
        yield server


async def call(server, case=CASE, mode="stream", prompt="hello", seconds=1.0, leave=None):
    """Call an endpoint of the fault server itself, without a balancer."""
    seen = Seen()
    plan = server.plans.get(prompt)

    def look():
        if plan is not None and has_content(bytes(seen.body)):
            plan.delivered.set()

    seen.on_news = look
    path = f"/e0{case.path}"
    return await make_call(HttpCaller(server.url), path, request_body(case, mode, "m", prompt), seconds, seen, leave)


@pytest.mark.parametrize("route", ["chat/completions", "completions", "embeddings"])
@pytest.mark.parametrize("mode", ["stream", "plain"])
async def test_it_answers_as_a_model_would(server, route, mode):
    """The same prompt has the same answer, whole, on every route."""
    if (route, mode) == ("embeddings", "stream"):
        mode = "plain"
    case = Case(name="direct", says="", sees="", rules=(), faults=(), route=route)
    seen = await call(server, case, mode)
    again = await call(server, case, mode)

    assert [] == judge(case, mode, seen, server.visits_of("hello"))
    assert read_told(seen).texts == read_told(again).texts


@pytest.mark.parametrize("name", sorted(set(FAULTS) - BEFORE_TEXT - {"no_sentinel", "choice_unfinished"}))
async def test_without_a_balancer_a_fault_is_seen(server, name):
    """Nothing here passes because a fault does nothing: called directly, each one spoils a stream or a plain answer."""
    complaints = []
    for mode in ("stream", "plain"):
        server.plan(mode, FAULTS[name])
        seen = await call(server, mode=mode, prompt=mode, seconds=0.3)
        complaints += judge(CASE, mode, seen, server.visits_of(mode))

    assert complaints


@pytest.mark.parametrize("name", ["cut", "reset", "ends_early", "stall", "bad_event", "error_event"])
async def test_a_break_in_the_middle_comes_after_the_text_before_it(server, name):
    """Eight words have arrived, and no more."""
    server.plan("hello", FAULTS[name])

    told = read_told(await call(server, seconds=0.3))

    assert 8 == len(told.texts[0].split())


async def test_faults_come_in_their_order_and_the_last_one_stays(server):
    """A plan is followed whichever endpoint a prompt comes to."""
    server.plan("hello", FAULTS["500"], FAULTS["429"], FAULTS["works"])

    statuses = [(await call(server, mode="plain")).status for _ in range(4)]

    assert [500, 429, 200, 200] == statuses


async def test_it_knows_who_left(server):
    """A client that closes its connection is noted within the moment."""
    server.plan("hello", FAULTS["silent_before_head"])
    leave = asyncio.Event()
    calling = asyncio.create_task(call(server, seconds=5, leave=leave))
    assert await until(lambda: server.open_count == 1, 5)

    leave.set()
    await calling

    assert await until(lambda: server.open_count == 0, 5)
    assert [True] == [visit.is_left for visit in server.visits]


async def test_a_fault_at_any_byte(server):
    """``break_byte`` cuts inside an event."""
    server.plan("hello", Fault(break_how="cut", break_byte=333))

    seen = await call(server)

    assert (333, False) == (len(seen.body), seen.is_whole)


async def test_a_server_that_varies_says_something_else_every_time(server):
    """As models do without a seed."""
    server.plan("hello", Fault(varies=True))

    first, second = [read_told(await call(server)).texts[0] for _ in range(2)]

    assert first != second


async def test_the_control_plane_sets_plans_and_schedules(server):
    """For whoever runs it in a process of its own; mistakes are told."""
    caller = HttpCaller(server.url)

    async def control(what, **body):
        seen = Seen()
        await caller.request("POST", f"/control/{what}", json.dumps(body).encode(), seen, asyncio.Event())
        return json.loads(bytes(seen.body))

    await control("plans", prompt="hello", faults=["500", {"status": 503, "body": "no"}])
    planned = [(await call(server, mode="plain")).status for _ in range(2)]
    await control("schedule", faults=["429"], share=1.0)
    scheduled = (await call(server, mode="plain", prompt="other")).status
    told = await control("visits")
    wrong = await control("plans", prompt="hello", faults=["no such fault"])

    assert ([500, 503], 429) == (planned, scheduled)
    assert [("e0", "hello"), ("e0", "hello"), ("e0", "other")] == [(each["endpoint"], each["prompt"]) for each in told["visits"]]
    assert "no such fault" in wrong["error"]


async def test_a_short_text_with_a_sentinel_is_recognised(server):
    """The worst of all: what looks finished and is not."""
    server.plan("hello", FAULTS["works"])
    seen = await call(server)
    head, _, _ = bytes(seen.body).partition(b"\n\ndata: {")
    seen.body = bytearray(head + b"\n\ndata: [DONE]\n\n")

    assert any("presented as finished" in each for each in broken_invariants(seen, server.visits_of("hello")))


def test_every_case_can_be_told_apart_from_its_neighbours():
    """Two rows with the same words and modes would be one to a reader."""
    rows = [(case.says, case.sees, case.modes, case.endpoints, case.want) for case in CASES]

    assert len(rows) == len(set(rows))
