"""Calls that a scenario describes, in order of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush, merge
from itertools import islice
from random import Random

from attrs import define, field

from llmlb_core.simulate.chances import arrivals, lengths, picker
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.prefix_cache import Segment
from llmlb_core.simulate.scenario import Scenario, Traffic


def synthetic_calls(scenario: Scenario, seed: int) -> Iterable[Planned]:
    """Yield the calls of *scenario*, oldest first; the same ones for the same *seed*."""
    streams = [_Stream(traffic, index, seed) for index, traffic in enumerate(scenario.traffic)]
    every = streams[0].calls() if len(streams) == 1 else merge(*(stream.calls() for stream in streams), key=lambda call: call.at_s)
    return islice(every, scenario.calls)


@define
class _Session:
    """A conversation that goes on."""

    name: str
    principal: str
    turns_left: int
    said: list[Segment]


@define
class _Stream:
    """Makes the calls of one ``[[traffic]]``."""

    traffic: Traffic
    index: int
    seed: int
    _prompt: Callable[[], int] = field(init=False)
    _output: Callable[[], int] = field(init=False)
    _principal: Callable[[], int] = field(init=False)
    _prefix: Callable[[], int] = field(init=False)
    _turns: Callable[[], int] = field(init=False)
    _times: Random = field(init=False)
    _number: int = 0

    def __attrs_post_init__(self) -> None:
        """Draw everything from a source of its own, so that more principals do not change the lengths of prompts."""
        traffic = self.traffic
        self._prompt = lengths(traffic.prompt_tokens, self._chance("prompt"))
        self._output = lengths(traffic.output_tokens, self._chance("output"))
        self._principal = picker(traffic.principals, traffic.principal_skew, self._chance("principal"))
        self._prefix = picker(traffic.prefixes.count, traffic.prefixes.skew, self._chance("prefix"))
        self._turns = _geometric(traffic.sessions.turns, self._chance("turns"))
        self._times = self._chance("times")

    def calls(self) -> Iterator[Planned]:
        """Yield calls for ever."""
        traffic = self.traffic
        if traffic.sessions.turns > 1:
            yield from self._conversations()
            return
        for at_s in arrivals(traffic, traffic.calls_per_s, self._times):
            self._number += 1
            own = ((self.index, self._number), self._prompt())
            segments = (self._shared(), own) if traffic.prefixes.count else (own,)
            yield Planned(at_s, traffic.model, self._who(), segments, self._output())

    def _conversations(self) -> Iterator[Planned]:
        """Yield the calls of conversations that begin at random; each goes on after a pause, answered or not."""
        traffic, pauses = self.traffic, self._chance("pauses")
        begins = arrivals(traffic, traffic.calls_per_s / traffic.sessions.turns, self._times)
        begin = next(begins)
        going_on: list[tuple[float, int, _Session]] = []
        while True:
            if not going_on or begin <= going_on[0][0]:
                self._number += 1
                said = [self._shared()] if traffic.prefixes.count else []
                session = _Session(f"{self.index}-{self._number}", self._who(), self._turns(), said)
                at_s, begin = begin, next(begins)
            else:
                at_s, _, session = heappop(going_on)
            yield self._turn(session, at_s)
            if session.turns_left:
                self._number += 1
                heappush(going_on, (at_s + pauses.expovariate(1 / traffic.sessions.pause_s), self._number, session))

    def _turn(self, session: _Session, at_s: float) -> Planned:
        session.turns_left -= 1
        own, answer = (session.name, len(session.said)), (session.name, len(session.said) + 1)
        session.said.append((own, self._prompt()))
        call = Planned(at_s, self.traffic.model, session.principal, tuple(session.said), self._output(), answer, session.name)
        session.said.append((answer, call.output_tokens))
        return call

    def _shared(self) -> Segment:
        return (self.index, "prefix", self._prefix()), self.traffic.prefixes.tokens

    def _who(self) -> str:
        return f"principal-{self._principal()}"

    def _chance(self, what: str) -> Random:
        # a string as seed is hashed by its bytes, the same everywhere
        return Random(f"{self.seed}/{self.index}/{what}")  # noqa: S311  # traffic, not a secret


def _geometric(mean: float, chance: Random) -> Callable[[], int]:
    """Return what draws whole numbers from 1 on."""
    if mean <= 1:
        return lambda: 1
    scale = math.log(1 - 1 / mean)
    return lambda: 1 + int(math.log(1.0 - chance.random()) / scale)
