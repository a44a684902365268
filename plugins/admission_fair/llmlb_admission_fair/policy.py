"""Start-time fair queueing between principals (Goyal, Vin, Cheng 1996).

Every call costs its principal one *turn*: ``1 / weight``. A call's sort key is where its principal's earlier calls end, but never
below what the queue has served already. So principals with calls in the queue get turns in proportion to their weights, a
newcomer does not wait for everyone's backlog, and nobody saves up turns by being away (05098000-F12).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

from attrs import define

from llmlb_core import AdmissionPolicy, Admit, Call, Load, Reject, Wait, Waiter

MAX_REMEMBERED = 1024
"""Principals without waiting calls that are remembered, per queue; the longest away is forgotten first."""

Who = tuple[Hashable, str]


@define
class Account:
    """A principal with calls in one queue.

    Attributes:
        turn: What a call costs.
        waiting_count: Its calls in the queue.
        end: Where its last waiting call ends: the sort key of the next one.
        served_end: Where its last served call ends.
    """

    turn: float
    waiting_count: int
    end: float
    served_end: float


class FairAdmission(AdmissionPolicy):
    """Principals take turns by weight; calls of one principal are served as they came."""

    name = "fair"

    def __init__(self) -> None:
        """Begin with everyone equal."""
        self._accounts: dict[Who, Account] = {}
        # where the last call of a principal ends that has none waiting; None: it was admitted at once, without a key
        self._remembered: OrderedDict[Who, float | None] = OrderedDict()

    @property
    def remembered_count(self) -> int:
        """Principals that take memory: those with waiting calls, and at most ``MAX_REMEMBERED`` others."""
        return len(self._accounts) + len(self._remembered)

    def admits_at_once(self, call: Call, queue: frozenset[str]) -> bool:
        """Admit, and remember that this principal had a turn."""
        self._remember((queue, call.principal.id), None)
        return True

    def decide(self, call: Call, load: Load) -> Admit | Wait | Reject:
        """Admit where something is free that nobody waits for; else wait for one's turn."""
        who = (load.queue, call.principal.id)
        if load.free_count and not load.has_waiters:
            self._remember(who, None)
            return Admit()
        account = self._accounts.get(who)
        if account is None:
            account = self._accounts[who] = self._open(who, load)
        sort_key = max(load.passed_key, account.end)
        account.waiting_count += 1
        account.end = sort_key + account.turn
        return Wait(sort_key)

    def granted(self, waiter: Waiter) -> None:
        """Note the turn as taken."""
        who, account = self._find(waiter)
        if account is not None:
            account.waiting_count -= 1
            account.served_end = waiter.sort_key + account.turn
            self._close_if_done(who, account)

    def left(self, waiter: Waiter) -> None:
        """Give the turn back where no later call depends on it: giving up costs nothing."""
        who, account = self._find(waiter)
        if account is not None:
            account.waiting_count -= 1
            if waiter.sort_key + account.turn == account.end:
                account.end = waiter.sort_key
            self._close_if_done(who, account)

    def _open(self, who: Who, load: Load) -> Account:
        turn = 1 / load.weight
        end = self._remembered.pop(who, 0.0)
        if end is None:
            # one call was served ahead of everyone who waits now: a turn, but one only, for the queue was empty then
            end = load.passed_key + turn
        return Account(turn, 0, end, end)

    def _find(self, waiter: Waiter) -> tuple[Who, Account | None]:
        who = (waiter.queue, waiter.call.principal.id)
        # an infinite key was never given by this policy, so nothing was counted for it
        return who, None if math.isinf(waiter.sort_key) else self._accounts.get(who)

    def _close_if_done(self, who: Who, account: Account) -> None:
        if not account.waiting_count:
            del self._accounts[who]
            self._remember(who, account.served_end)

    def _remember(self, who: Who, end: float | None) -> None:
        self._remembered[who] = end
        self._remembered.move_to_end(who)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
