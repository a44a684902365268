"""Random faults, random calls: four things hold whatever comes (rules 1, 3, 7 and 11)."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmlb_core.faults.chaos import CHANCES, Call, make_random_call
from llmlb_core.faults.runner import until

from .suite import caller_of, endpoint_toml, opened

EXAMPLES = int(os.environ.get("LLMLB_FAULT_EXAMPLES", "12"))
"""More of them find more: LLMLB_FAULT_EXAMPLES=500."""
CALL_S = 8.0
DEADLINE_S = CALL_S + 4.0
SHORT = {"connect_s": 1.0, "head_s": 0.4, "first_token_s": 0.4, "switch_s": 0.4, "idle_s": 0.4, "plain_s": 0.6}
POOLS = {"two": 2, "three": 3, "well": 1}

calls = st.lists(
    st.builds(
        Call,
        model=st.sampled_from(["two", "three"]),
        mode=st.sampled_from(["stream", "plain"]),
        faults=st.lists(st.sampled_from(CHANCES), max_size=4).map(tuple),
        varies=st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


@pytest.fixture(scope="module", params=["wire", "asgi"])
def chaos(request, background, tmp_path_factory):
    """Returns what runs a list of calls together and says what does not hold."""
    tables = [
        endpoint_toml(f"{pool}-{n}", f"FAULTS/{pool}-{n}", pool, SHORT) for pool, count in POOLS.items() for n in range(count)
    ]
    more = f"[server]\ncall_timeout_s = {CALL_S}\n\n" + "".join(tables)
    context = opened(tmp_path_factory.mktemp("chaos"), "auto", (), more)
    doors, server = background(context.__aenter__())
    caller = caller_of(request.param, doors)
    endpoints = doors.house.endpoints.registry.snapshot.endpoints

    def is_idle() -> bool:
        return not any(each.in_flight for each in endpoints) and not doors.house.pipeline.running.count and not server.open_count

    async def run(schedule) -> list[str]:
        outcomes = await asyncio.gather(*(make_random_call(caller, server, call, DEADLINE_S) for call in schedule))
        complaints = [each for outcome in outcomes for each in outcome.complaints]
        if not await until(is_idle, 5.0):
            complaints.append(f"in flight afterwards: {[each.in_flight for each in endpoints]}, {server.open_count} open")
        well = await make_random_call(caller, server, Call("well", "stream"), DEADLINE_S)
        return complaints if well.how == "whole" else [*complaints, f"a call after it is {well}"]

    yield lambda schedule: background(run(schedule))
    background(context.__aexit__(None, None, None))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(schedule=calls)
def test_rule_11_nothing_breaks_what_must_hold(chaos, schedule):
    """Each call ends in time, no cut answer looks finished, no endpoint sees more than three attempts, and all is idle after it."""
    assert [] == chaos(schedule)
