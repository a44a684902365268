"""Who gets how many calls, on the real stage ``acquire``."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llmlb_router_auto.settings import AutoSettings
from llmlb_testing.endpoints import FakeEndpoint
from llmlb_testing.yard import Yard

MAKES_NEW_ONES = [HealthCheck.function_scoped_fixture]
EQUAL = {f"e{number}": 0.2 for number in range(4)}


def uneven(shares, within=0.05):
    return [round(share, 3) for share in shares if abs(share - 1) > within]


@pytest.mark.parametrize("router", ["auto", "latency", "weighted"])
def test_calls_one_after_the_other_spread_evenly(taught, router):
    """Nine calls over three idle endpoints are three each (63acef08-S1), thirty are ten each (589f2df1-S1)."""
    server = taught({"a": 0.1, "b": 0.1, "c": 0.1}, router=router)

    server.play(9)
    nine = server.served()
    server.play(30)

    assert [3, 3, 3] == nine
    assert [13, 13, 13] == server.served()


@settings(max_examples=60, deadline=None, suppress_health_check=MAKES_NEW_ONES)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(2, 6),
    spread=st.sampled_from([0.0, 0.1, 0.3, 0.6]),
    load=st.floats(0, 0.95),
    step_s=st.sampled_from([0.0, 0.05, 0.5, 5.0]),
)
def test_equal_endpoints_get_equal_shares(taught, seed, count, spread, load, step_s):
    """Within 5 %, whatever runs, however fast calls come, and however much their first tokens vary."""
    server = taught({f"e{number}": 0.2 for number in range(count)})

    server.play(250 * count, int(load * 4 * count), step_s, spread, seed)

    assert [] == uneven(server.shares()), server.shares()


@settings(max_examples=40, deadline=None, suppress_health_check=MAKES_NEW_ONES)
@given(ends=st.lists(st.integers(0, 15), min_size=600, max_size=600), busy=st.integers(1, 15))
def test_no_endpoint_starves_and_none_is_pinned(taught, ends, busy):
    """Calls that last as differently as chance has it: load decides, and everybody still gets at least half of its share."""
    server = taught(EQUAL)
    for end in ends:
        server.place()
        server.now += 0.1
        while len(server.leases) > busy:
            server.end(end % len(server.leases))

    assert min(server.shares()) > 0.5, server.shares()
    assert max(server.shares()) < 2.0, server.shares()


@settings(max_examples=10, deadline=None)
@given(count=st.integers(2, 4), limit=st.integers(1, 3))
def test_saturated_equal_endpoints_get_equal_shares(count, limit):
    """With always somebody waiting, whoever is free serves; nobody waits beside a free slot."""
    from llmlb_router_auto.parts import AutoParts

    endpoints = [FakeEndpoint(f"e{number}", limit) for number in range(count)]
    yard = Yard(endpoints, AutoParts(AutoSettings()).routers[0])
    for _ in range(count * limit + 3):
        yard.arrive()
    for _ in range(20 * count):
        yard.served()[0].release()
        assert all(endpoint.in_flight == limit for endpoint in endpoints)
        yard.arrive()

    served = [endpoint.served_count for endpoint in endpoints]
    yard.close()

    assert max(served) - min(served) <= 1, served


def test_no_endpoint_is_pinned_by_lucky_calls(taught):
    """The first calls of one took a tenth of the usual time; calls one after the other still reach everybody."""
    server = taught(EQUAL)
    server.speeds["e0"] = 0.02
    server.play(40)
    server.speeds["e0"] = 0.2
    before = server.served()

    server.play(1200)

    assert all(now - then > 200 for now, then in zip(server.served(), before, strict=True)), server.served()


def test_a_slow_endpoint_gets_few_calls_and_is_tried_now_and_then(taught):
    """Five times as slow: one call in half a minute, to see whether that has changed."""
    server = taught({"a": 0.1, "b": 0.1, "slow": 0.5})

    server.play(600, step_s=0.5)

    assert 10 <= server.served()[2] <= 30, server.served()


def test_an_endpoint_that_recovered_gets_its_share_again(taught):
    """What was learned of it does not hold for ever."""
    server = taught({"a": 0.1, "b": 0.1, "slow": 0.5})
    server.play(200, step_s=0.5)
    server.speeds["slow"] = 0.1
    server.play(5700, step_s=0.5)
    before = server.served()[2]

    server.play(300, step_s=0.5)

    assert 90 <= server.served()[2] - before <= 110


def test_a_slow_endpoint_serves_where_no_other_has_a_slot(taught):
    """Nobody waits while there is a free slot."""
    server = taught({"a": 0.1, "slow": 2.0}, limit=2)
    server.play(60)

    assert ["a", "a", "slow", "slow"] == sorted(server.place() for _ in range(4))


def test_idle_endpoints_come_first(taught):
    """Four calls at a time run at four endpoints (05098000-F8)."""
    server = taught(EQUAL)
    for _ in range(40):
        assert 4 == len({server.place() for _ in range(4)})
        server.now += 1
        for _ in range(4):
            server.end()


def test_weights_are_kept_without_bunches(taught):
    """3 to 1: never four calls in a row at the heavier one."""
    server = taught({"big": 0.1, "small": 0.1}, router="weighted", settings=AutoSettings(weights={"big": 3.0}))
    order = []
    for _ in range(40):
        order.append(server.place())
        server.end()

    assert [30, 10] == server.served()
    assert "big big big big" not in " ".join(order)


def test_one_that_was_away_does_not_catch_up(taught):
    """It goes on with its share, after one call more."""
    server = taught({"a": 0.1, "b": 0.1}, router="weighted")
    server.endpoints[1].reason = "It is being restarted."
    server.play(50)
    server.endpoints[1].reason = None

    server.play(20)

    assert 10 <= server.served()[1] <= 11
