"""The stage ``acquire`` with fake endpoints, where every call that ends is told to the plugin's feedback, as a server does it."""

from __future__ import annotations

from random import Random

import pytest
from llmlb_router_auto.parts import AutoParts
from llmlb_router_auto.settings import AutoSettings
from llmlb_testing.calls import make_call
from llmlb_testing.endpoints import FakeEndpoint
from llmlb_testing.yard import InOrder

from llmlb_core import Outcome, Record, Target
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.stages.acquire import Acquire


class AtOnce(InOrder):
    """Whoever comes is admitted where something is free."""

    def admits_at_once(self, call, queue):
        return True


class Taught:
    """Endpoints, and a router that learns from what ends there.

    Attributes:
        speeds: Seconds to the first token, by endpoint.
        now: The time; tests let it pass.
    """

    def __init__(self, speeds, limit=4, router="auto", settings=None):
        self.speeds = dict(speeds)
        self.parts = AutoParts(settings or AutoSettings())
        self.router = next(each for each in self.parts.routers if each.name == router)
        self.endpoints = [FakeEndpoint(name, limit) for name in speeds]
        self.now = 1000.0
        self.targets = [Target("m", tuple(self.endpoints))]
        self.acquire = Acquire(lambda _call, _target: self.router, AtOnce(), AdmissionSettings(), clock=lambda: self.now)
        self.leases = []

    def place(self):
        """Let a call come; return the name of the endpoint that gets it."""
        lease = self.acquire.at_once(make_call(received_at=self.now), self.targets)
        self.leases.append(lease)
        return lease.endpoint.name

    def end(self, place=0, noise=1.0):
        """Let a running call end, the oldest by default, with a first token that took as long as its endpoint takes."""
        lease = self.leases.pop(place)
        name = lease.endpoint.name
        seconds = self.speeds[name] * noise
        record = Record("r", self.now - seconds, model="m", operation="chat", served_by=name, ending="finished")
        record.first_token_s = record.duration_s = seconds
        lease.release(Outcome.COMPLETED)
        self.learn(record)

    def learn(self, record):
        """Tell the feedback."""
        for feedback in self.parts.feedbacks:
            feedback.on_end(record)

    def play(self, count, busy=0, step_s=1.0, spread=0.0, seed=0):
        """Place *count* calls, one every *step_s*, while *busy* others run; calls end in the order in which they came."""
        chance = Random(seed)
        for _ in range(count):
            self.place()
            self.now += step_s
            while len(self.leases) > busy:
                self.end(noise=chance.lognormvariate(0, spread))

    def served(self):
        """Calls served, by endpoint."""
        return [endpoint.served_count for endpoint in self.endpoints]

    def shares(self):
        """Calls served, as a part of what an even spread would be."""
        served = self.served()
        return [count * len(served) / sum(served) for count in served]

    def close(self):
        """Let everything end."""
        for lease in self.leases:
            lease.release(Outcome.CANCELLED)


@pytest.fixture
def taught():
    """Make one."""
    made = []

    def make(*args, **kwargs):
        made.append(Taught(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()
