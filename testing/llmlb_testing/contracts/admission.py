"""The kit for admission policies."""

from __future__ import annotations

import inspect
import math
import random
from typing import ClassVar

import attrs
import pytest

from llmlb_core import AdmissionPolicy, Admit, Load, Reject, Wait, Waiter
from llmlb_core.errors import QueueFull, QueueTimeout
from llmlb_testing.calls import make_call
from llmlb_testing.endpoints import FakeEndpoint
from llmlb_testing.io_guard import no_io
from llmlb_testing.yard import Yard

FREE = Load(waiting_count=0, queue_size=100, free_count=1, has_waiters=False, mean_service_s=None, queue="q")
LOADS = (
    FREE,
    attrs.evolve(FREE, free_count=0),
    attrs.evolve(FREE, has_waiters=True, waiting_count=3, mean_service_s=0.5, passed_key=1e9),
    attrs.evolve(FREE, free_count=0, waiting_count=99, mean_service_s=100.0, weight=0.001),
    attrs.evolve(FREE, free_count=0, waiting_count=100, has_waiters=True, mean_service_s=0.0, weight=1e6),
)


class AdmissionPolicyContract:
    """Rules of ``llmlb_core.AdmissionPolicy``. Needs a fixture ``policy``, new for each test.

    Attributes:
        may_starve: Set it for a policy that lets some callers wait for ever on purpose.
    """

    may_starve: ClassVar[bool] = False

    def test_its_methods_are_not_async(self, policy: AdmissionPolicy) -> None:
        """They are called while leases are counted; a coroutine would never run."""
        for method in (policy.decide, policy.granted, policy.left):
            assert not inspect.iscoroutinefunction(method), f"{method.__name__} is 'async def'; write 'def'"

    @pytest.mark.parametrize("load", LOADS)
    def test_it_decides_in_every_load(self, policy: AdmissionPolicy, load: Load) -> None:
        """Admit, Wait with a key that can be ordered (NaN cannot), or Reject with a ``Retry-After`` that can be waited."""
        decision = policy.decide(make_call(weight=load.weight), load)

        assert isinstance(decision, Admit | Wait | Reject)
        if isinstance(decision, Wait):
            assert not math.isnan(decision.sort_key), "sort_key is NaN"
        if isinstance(decision, Reject):
            assert 0 <= decision.retry_after_s < math.inf, f"retry_after_s is {decision.retry_after_s}"

    def test_it_takes_a_call_that_the_core_made_wait(self, policy: AdmissionPolicy) -> None:
        """``Admit`` where nothing is free is treated as ``Wait(inf)``: its lease or its leaving is told all the same."""
        first, second = make_call("A"), make_call("B")
        policy.decide(first, FREE)
        policy.decide(second, FREE)

        policy.granted(Waiter(first, math.inf, "q"))
        policy.left(Waiter(second, math.inf, "q"))

        assert isinstance(policy.decide(make_call("A"), FREE), Admit | Wait | Reject)

    def test_it_waits_for_nothing(self, policy: AdmissionPolicy) -> None:
        """It is asked on the event loop for every call: no file, no network, no sleep."""
        policy.decide(make_call(), FREE)

        with no_io("decide"):
            policy.decide(make_call(), FREE)

    @pytest.mark.parametrize("seed", range(8))
    def test_no_call_is_lost(self, policy: AdmissionPolicy, seed: int) -> None:
        """Under the real queue, with callers that come, end and leave at random, every call is served, refused or left."""
        chance = random.Random(seed)  # noqa: S311  # traffic, not a secret
        yard = Yard([FakeEndpoint("e1", 2), FakeEndpoint("e2")], policy=policy)
        try:
            for _ in range(60):
                step = chance.random()
                if step < 0.6:
                    yard.arrive(chance.choice("ABC"), weight=chance.choice([0.5, 1.0, 4.0]))
                elif step < 0.8 and yard.served():
                    chance.choice(yard.served()).release()
                elif yard.waiting():
                    chance.choice(yard.waiting()).cancel()
                yard.advance(chance.random())
            while yard.served():
                yard.served()[0].release()

            assert yard.waiting() == [], "calls wait although every slot is free"
            refused = {type(arrival.error) for arrival in yard.arrivals} - {type(None)}
            assert refused <= {QueueFull, QueueTimeout}, f"calls failed with {refused}"
        finally:
            yard.close()

    def test_nobody_starves(self, policy: AdmissionPolicy) -> None:
        """A caller with one call is served although another sends a new one for each that ends."""
        if self.may_starve:
            pytest.skip("this policy lets callers starve on purpose")
        yard = Yard([FakeEndpoint("e1")], policy=policy)
        try:
            for _ in range(10):
                yard.arrive("A")
            lonely = yard.arrive("B")
            for _ in range(40):
                if not lonely.is_waiting:
                    break
                yard.arrive("A")
                yard.served()[0].release()

            assert lonely.error is None or isinstance(lonely.error, QueueFull), lonely.error
            assert not lonely.is_waiting, "a call of B waited while 40 later and earlier ones of A were served"
        finally:
            yard.close()
