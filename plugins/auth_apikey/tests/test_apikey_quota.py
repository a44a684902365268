"""What a key may use in a minute."""

import pytest
from attrs import evolve
from llmlb_auth_apikey.keys import hash_of, new_key
from llmlb_auth_apikey.quota import KeyQuota, TokenCount
from llmlb_auth_apikey.ring import KeyRing
from llmlb_auth_apikey.settings import ApiKeySettings
from llmlb_auth_apikey.store import make_key
from llmlb_testing.calls import make_call

from llmlb_core import Principal, Record, Target, Usage
from llmlb_core.errors import RateLimited
from llmlb_core.stages.authorize import Authorize
from llmlb_core.storage.rows import utc_now


class Desk:
    """One key with limits, and a clock that only the test moves."""

    def __init__(self, rpm=None, tpm=None):
        self.now = 100.0
        self.key = make_key(
            hash_of(new_key()),
            name="k",
            scopes=frozenset({"api"}),
            expires_at=None,
            now=utc_now(),
            requests_per_minute=rpm,
            tokens_per_minute=tpm,
        )
        self.ring = KeyRing(ApiKeySettings())
        self.ring.replace([self.key])
        self.principal = Principal(f"key:{self.key.id}", scopes=frozenset({"api"}))
        self.quota = KeyQuota(self.ring, lambda: self.now)
        self.count = TokenCount(self.quota)
        self.authorize = Authorize([self.quota])
        self.call = evolve(make_call(), principal=self.principal)

    def ask(self):
        """Bring a call through the stage ``authorize``."""
        return self.authorize(self.call, (Target("m", ()), Target("fallback", ())))

    def end(self, usage):
        """Let a call end."""
        self.count.on_end(Record("req-1", 0.0, principal=self.principal.id, usage=usage))

    def taken(self, most=1000):
        """How many calls pass now."""
        for count in range(most):
            try:
                self.ask()
            except RateLimited:
                return count
        return most


def test_key_without_limits_is_never_refused():
    """And nothing is remembered of it."""
    desk = Desk()

    taken = desk.taken(5000)
    desk.end(Usage(10**9, 10**9))

    assert 5000 == taken
    assert 1 == desk.taken(1)
    assert {} == desk.quota._buckets


def test_requests_of_a_minute_pass_and_the_next_is_429():
    """A call with two targets counts once; the error says what, how much, and when."""
    desk = Desk(rpm=30)

    taken = desk.taken()
    with pytest.raises(RateLimited) as refused:
        desk.ask()

    assert 30 == taken
    assert (429, "rate_limit_exceeded") == (refused.value.status, refused.value.code)
    assert pytest.approx(2.0) == refused.value.retry_after_s
    assert {"limit": 30, "limited": "requests"} == refused.value.extras


def test_requests_come_back_all_the_time_up_to_a_minutes_worth():
    """Half a minute brings half of them; an hour no more than all."""
    desk = Desk(rpm=30)
    desk.taken()

    desk.now += 30
    after_half = desk.taken()
    desk.now += 3600
    after_long = desk.taken()

    assert (15, 30) == (after_half, after_long)


def test_retry_after_is_when_a_call_passes_again():
    """Not a moment later, and not yet just before."""
    desk = Desk(rpm=7, tpm=11)
    desk.ask()
    desk.end(Usage(20, 6))
    with pytest.raises(RateLimited) as refused:
        desk.ask()

    desk.now += refused.value.retry_after_s - 5.5
    before = desk.taken()
    desk.now += 5.5 + 1e-6

    assert 0 == before
    assert desk.taken() > 0


def test_tokens_are_counted_when_calls_end():
    """Overdrawn by 500, a key of 1000 a minute waits 30 s and a little."""
    desk = Desk(tpm=1000)
    desk.ask()
    desk.end(Usage(1200, 300))

    with pytest.raises(RateLimited) as refused:
        desk.ask()
    desk.now += 31

    assert {"limit": 1000, "limited": "tokens"} == refused.value.extras
    assert pytest.approx(30.06) == refused.value.retry_after_s
    assert 1000 == desk.taken()


def test_a_call_without_usage_costs_no_tokens():
    """A failed call, or a server that reports none."""
    desk = Desk(tpm=10)
    desk.ask()

    desk.end(None)

    assert 1 == desk.taken(1)


def test_a_refused_call_takes_nothing():
    """Neither of a limit that had something left."""
    desk = Desk(rpm=5, tpm=10)
    desk.ask()
    desk.end(Usage(10, 0))

    refused = desk.taken()
    desk.now += 6  # one token
    allowed = desk.taken()

    assert (0, 4) == (refused, allowed)


def test_a_changed_limit_holds_at_once():
    """Refilled: an administrator who raises a limit wants the key to go on."""
    desk = Desk(rpm=2)
    desk.taken()

    desk.ring.replace([evolve(desk.key, requests_per_minute=4)])
    raised = desk.taken()
    desk.ring.replace([evolve(desk.key, requests_per_minute=None)])

    assert 4 == raised
    assert 100 == desk.taken(100)


def test_reading_the_keys_again_changes_nothing():
    """It happens every minute."""
    desk = Desk(rpm=2)
    desk.taken()

    desk.ring.replace([desk.key])

    assert 0 == desk.taken()


def test_memory_is_bounded_by_the_keys_that_have_limits():
    """Keys come and go; what was counted of those that are gone is forgotten."""
    desk = Desk(rpm=1)
    for _ in range(50):
        key = evolve(desk.key, id=new_key(), hash=new_key())
        desk.ring.replace([key])
        desk.quota.admit(Principal(f"key:{key.id}"), desk.call)

    assert len(desk.quota._buckets) <= 4
