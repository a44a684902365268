"""An endpoint that is arithmetic: it reads prompts one after the other and generates for all its calls at a time."""

from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterator, Callable
from random import Random

from llmlb_core.contracts.endpoint import Endpoint, Result
from llmlb_core.domain.calls import Call
from llmlb_core.errors import EndpointFailed
from llmlb_core.simulate.decoding import Decoding
from llmlb_core.simulate.loop import Alarm, VirtualLoop
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.prefix_cache import PrefixCache
from llmlb_core.simulate.scenario import EndpointGroup


class Work:
    """One call at one endpoint.

    Attributes:
        first: Done with the first token.
        done: Done with the last.
        prompt_tokens: Of the prompt.
        cached_tokens: How much of the prompt needed no work.
    """

    __slots__ = ("alarm", "cached_tokens", "done", "first", "planned", "prompt_tokens")

    def __init__(self, planned: Planned, loop: VirtualLoop) -> None:
        """Begin nothing yet."""
        self.planned = planned
        self.prompt_tokens = planned.prompt_tokens
        self.first: Future[None] = loop.create_future()
        self.done: Future[None] = loop.create_future()
        self.cached_tokens = 0
        self.alarm: Alarm | None = None


class SimulatedEndpoint(Endpoint):
    """One endpoint of a group.

    Plain attributes where others compute: ``acquire`` reads them a thousand times a call where there are a thousand endpoints.

    Attributes:
        served_count: Calls that it brought to their end.
        work_s: How long it read prompts.
    """

    kind = "simulated"
    max_in_flight = 1
    unroutable_reason: str | None = None

    def __init__(self, group: EndpointGroup, name: str, loop: VirtualLoop, seed: int) -> None:
        """Be idle, with nothing remembered."""
        self.id = self.name = name
        self.group = group
        self.max_in_flight = group.slots
        self.in_flight = 0
        self.served_count = 0
        self.work_s = 0.0
        self.on_change: Callable[[Endpoint], None] = lambda _endpoint: None
        self._loop = loop
        self._chance = Random(f"{seed}/{name}")  # noqa: S311  # a simulation
        self._cache = PrefixCache(group.cache_tokens)
        self._decoding = Decoding(loop, group.decode_tokens_per_s, group.call_tokens_per_s)
        self._reading: dict[Work, None] = {}
        self._reads_until = loop.time()
        self._is_down = False
        begin_s = loop.time()
        for down_s, up_s in group.down:
            loop.at(begin_s + down_s, self._go_down)
            loop.at(begin_s + down_s + group.notice_s, self._notice)
            loop.at(begin_s + up_s, self._come_up)
            loop.at(begin_s + up_s + group.notice_s, self._notice)

    def begin(self, planned: Planned) -> Work:
        """Start a call; its futures fail with ``EndpointFailed`` where the endpoint does."""
        work, loop, group = Work(planned, self._loop), self._loop, self.group
        if self._is_down or (group.failure_rate and self._chance.random() < group.failure_rate):
            work.alarm = loop.at(loop.time() + group.failure_s, work.first.set_exception, _failed(self))
            return work
        work.cached_tokens = self._cache.take(planned.segments)
        read_s = (work.prompt_tokens - work.cached_tokens) / group.prefill_tokens_per_s
        self._reads_until = max(loop.time(), self._reads_until) + read_s
        self.work_s += read_s
        self._reading[work] = None
        work.alarm = loop.at(self._reads_until, self._read, work)
        return work

    def finish(self, work: Work) -> None:
        """Note that a call came to its end."""
        self.served_count += 1
        if work.planned.answer is not None:
            self._cache.remember(work.planned.answer, work.planned.output_tokens)

    def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Nothing is answered here: ``begin`` is all there is."""
        raise NotImplementedError

    def _read(self, work: Work) -> None:
        """The prompt is read, and the first token there."""
        del self._reading[work]
        work.first.set_result(None)
        if work.planned.output_tokens > 1:
            self._decoding.add(work.planned.output_tokens - 1, work.done)
        else:
            work.done.set_result(None)

    def _go_down(self) -> None:
        self._is_down = True
        reading, self._reading = self._reading, {}
        for work in reading:
            assert work.alarm is not None
            work.alarm.cancel()
            work.first.set_exception(_failed(self))
        self._decoding.break_off(_failed(self))
        self._cache.forget_all()
        self._reads_until = self._loop.time()

    def _come_up(self) -> None:
        self._is_down = False

    def _notice(self) -> None:
        self.unroutable_reason = "It does not answer." if self._is_down else None
        if not self._is_down:
            self.on_change(self)


def _failed(endpoint: Endpoint) -> EndpointFailed:
    return EndpointFailed(f"Endpoint '{endpoint.name}' failed.")
