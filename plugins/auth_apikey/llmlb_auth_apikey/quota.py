"""What a key may use in a minute, counted in memory: a look-up and some arithmetic a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from attrs import define, field, frozen

from llmlb_auth_apikey.ring import KeyRing
from llmlb_core import Authorizer, Call, Feedback, Principal, Record
from llmlb_core.errors import RateLimited

_MINUTE_S = 60.0


@define
class Bucket:
    """Holds up to a minute's worth and is refilled all the time, so that there is no edge of a minute to wait for.

    Attributes:
        per_minute: What comes in a minute, and what fits.
        level: What is left; below 0 where more was used than was there.
        at: When *level* was right, monotonic.
    """

    per_minute: int
    at: float
    level: float = field(default=0.0)

    @classmethod
    def full(cls, per_minute: int | None, now: float) -> Bucket | None:
        """Return a full one; None where there is no limit."""
        return None if per_minute is None else cls(per_minute, now, per_minute)

    def refill(self, now: float) -> float:
        """Add what came since the last time, and return what is there."""
        level = self.level + (now - self.at) * self.per_minute / _MINUTE_S
        self.level = level = level if level < self.per_minute else self.per_minute  # noqa: FURB136  # `min` costs three times as much
        self.at = now
        return level

    def wait_s(self, wanted: float) -> float:
        """Return how long it takes until *wanted* is there."""
        return (wanted - self.level) * _MINUTE_S / self.per_minute


@frozen
class Buckets:
    """One key's, and the limits that they were made for."""

    limits: tuple[int | None, int | None]
    requests: Bucket | None
    tokens: Bucket | None


class KeyQuota(Authorizer):
    """Refuses calls of keys that have used up their requests or tokens; others pass after one look-up.

    A call is taken when a request is left and tokens are not overdrawn. What it used is known at its end: calls that run at the
    same time may overdraw together, and the next ones wait until the debt is paid.
    """

    name: ClassVar[str] = "apikey_quota"

    def __init__(self, ring: KeyRing, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the limits that *ring* knows."""
        self._ring = ring
        self._clock = clock
        self._buckets: dict[str, Buckets] = {}

    @property
    def has_limits(self) -> bool:
        """Whether any key that was used has one."""
        return bool(self._buckets)

    def admit(self, principal: Principal, call: Call) -> None:
        """Take one request of the key."""
        del call
        limits = self._ring.limits.get(principal.id)
        if limits is None:
            return
        now = self._clock()
        buckets = self._buckets.get(principal.id)
        if buckets is None or buckets.limits != limits:
            buckets = self._fill(principal.id, limits, now)
        requests, tokens = buckets.requests, buckets.tokens
        if tokens is not None and tokens.refill(now) <= 0:
            raise _used_up("tokens", tokens, min(1.0, tokens.per_minute))
        if requests is not None:
            if requests.refill(now) < 1:
                raise _used_up("requests", requests, 1.0)
            requests.level -= 1

    def spend(self, principal_id: str, token_count: int) -> None:
        """Count tokens that a call of this key used."""
        buckets = self._buckets.get(principal_id)
        if buckets is not None and buckets.tokens is not None:
            buckets.tokens.level -= token_count

    def _fill(self, principal_id: str, limits: tuple[int | None, int | None], now: float) -> Buckets:
        if len(self._buckets) > 2 * len(self._ring.limits):  # most are of keys that are gone
            self._buckets = {key: value for key, value in self._buckets.items() if key in self._ring.limits}
        requests_per_minute, tokens_per_minute = limits
        buckets = Buckets(limits, Bucket.full(requests_per_minute, now), Bucket.full(tokens_per_minute, now))
        self._buckets[principal_id] = buckets
        return buckets


class TokenCount(Feedback):
    """Tells the quota what calls used."""

    name: ClassVar[str] = "apikey_quota"

    def __init__(self, quota: KeyQuota) -> None:
        """Tell *quota*."""
        self._quota = quota

    def on_end(self, record: Record) -> None:
        """Count the tokens that whoever answered has reported."""
        usage = record.usage
        if usage is not None and self._quota.has_limits:
            self._quota.spend(record.principal, usage.total_tokens)


def _used_up(what: str, bucket: Bucket, wanted: float) -> RateLimited:
    retry_after_s = bucket.wait_s(wanted)
    return RateLimited(
        f"This API key has used up its {bucket.per_minute} {what} per minute; try again in {retry_after_s:.0f} s, "
        "or ask an administrator for a higher limit.",
        retry_after_s=retry_after_s,
        extras={"limit": bucket.per_minute, "limited": what},
    )
