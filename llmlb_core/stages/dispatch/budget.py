"""How many repeated attempts an endpoint may get: a share of its calls, so that tries never become the load that fails them."""

from __future__ import annotations

from attrs import define, field

from llmlb_core.contracts.endpoint import Endpoint

WINDOW_S = 10
_MOST_ENDPOINTS = 10_000


@define
class _Spent:
    """Repeated attempts at one endpoint, second by second, and what its calls were when they were looked at.

    Attributes:
        seconds: Attempts by second; a ring of as many as the window has.
        at: Which second each is of.
        looked_at: When the calls were counted; ``before`` is the look before that one.
        calls: The endpoint's count at that time.
    """

    looked_at: float
    calls: int
    before: tuple[float, int]
    seconds: list[int] = field(factory=lambda: [0] * WINDOW_S)
    at: list[int] = field(factory=lambda: [-WINDOW_S] * WINDOW_S)


class RetryBudget:
    """Allows repeated attempts at an endpoint: a share of its calls of the last seconds, and a few anyway.

    Calls are read from ``Endpoint.call_count``, only when an attempt is to be repeated: a call that goes well costs nothing here.
    """

    def __init__(self, share_0_1: float, floor: int) -> None:
        """Allow *share_0_1* of the calls, and *floor* whatever they are."""
        self._share = share_0_1
        self._floor = floor
        self._spent: dict[str, _Spent] = {}

    def allows(self, endpoint: Endpoint, now: float) -> bool:
        """Whether *endpoint* may get one more repeated attempt."""
        spent = self._of(endpoint, now)
        used = sum(count for count, at in zip(spent.seconds, spent.at, strict=True) if now - at < WINDOW_S)
        return used < max(self._floor, self._share * _recent_calls(spent, endpoint.call_count, now))

    def spend(self, endpoint: Endpoint, now: float) -> None:
        """Count one."""
        spent = self._of(endpoint, now)
        second = int(now)
        place = second % WINDOW_S
        if spent.at[place] != second:
            spent.at[place], spent.seconds[place] = second, 0
        spent.seconds[place] += 1

    def _of(self, endpoint: Endpoint, now: float) -> _Spent:
        spent = self._spent.get(endpoint.id)
        calls = endpoint.call_count
        if spent is None or spent.calls > calls:
            if len(self._spent) >= _MOST_ENDPOINTS:
                self._spent.clear()
            spent = self._spent[endpoint.id] = _Spent(now, calls, (now - WINDOW_S, 0 if calls < self._floor else calls))
        elif now - spent.looked_at >= WINDOW_S:
            spent.before = spent.looked_at, spent.calls
            spent.looked_at, spent.calls = now, calls
        return spent


def _recent_calls(spent: _Spent, calls: int, now: float) -> float:
    """Return the calls of the last seconds, as if they had come evenly since they were looked at before."""
    since, count = spent.before
    return (calls - count) * WINDOW_S / max(now - since, WINDOW_S)
