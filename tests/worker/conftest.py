"""Real supervisors with real worker processes, ended after each test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from llmlb_engine_echo.engine import EchoEngine

from llmlb_core.domain.chat import ChatRequest, Message, Sampling, TextPart
from llmlb_core.domain.models import Fit, LocalModel, ModelFacts
from llmlb_core.domain.requests import CanonicalRequest
from llmlb_core.settings.sections import WorkerSettings
from llmlb_core.worker.instance import Instance
from llmlb_core.worker.snapshot import State
from llmlb_core.worker.supervisor import Supervisor

MIB = 1024 * 1024


class Bench:
    """A supervisor and short words to use it."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._changed = asyncio.Event()
        supervisor.on_change.append(lambda _instance: self._changed.set())

    def echo(
        self, name: str = "echo", *, memory_bytes: int = 48 * MIB, model: dict[str, Any] | None = None, **options: Any
    ) -> Instance:
        """An instance of the echo engine."""
        made = LocalModel(name, ModelFacts(""), options=options, **(model or {}))
        return self.supervisor.instance(made, "engine_echo", EchoEngine, Fit(1.0, memory_bytes, "a test"))

    @staticmethod
    def call(text: str = "hello big world", *, max_tokens: int | None = None, request: CanonicalRequest | None = None) -> Any:
        """A call, as an endpoint reads it."""
        chat = ChatRequest(messages=(Message("user", (TextPart(text),)),), sampling=Sampling(max_tokens=max_tokens))
        dialect = SimpleNamespace(param=lambda _call, name: name)
        return SimpleNamespace(id="test", request=request or chat, dialect=dialect, deadline_at=time.monotonic() + 60)

    def open(self, instance: Instance, text: str = "hello big world", **how: Any) -> AsyncGenerator[Any, None]:
        """The results of a call."""
        return instance.open(self.call(text, **how), instance.name)

    async def answer(self, instance: Instance, text: str = "hello big world", **how: Any) -> str:
        """The whole text of an answer."""
        return "".join([result.text async for result in self.open(instance, text, **how)])

    @staticmethod
    def pid(instance: Instance) -> int:
        """The process of a loaded model."""
        pid = instance.snapshot().pid
        assert pid is not None
        return pid

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Wait for a change of state after which *condition* holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_state(self, instance: Instance, state: State, timeout_s: float = 20.0) -> None:
        """Wait until *instance* is in *state*."""
        await self.until(lambda: instance.state is state, timeout_s)


@pytest.fixture
async def bench_of(tmp_path) -> AsyncIterator[Callable[..., Any]]:
    """Make a bench with settings of ``[workers]``."""
    made: list[Supervisor] = []

    async def make(engines: dict[str, Any] | None = None, **settings: Any) -> Bench:
        supervisor = Supervisor(WorkerSettings(**settings), engines or {}, tmp_path)
        made.append(supervisor)
        await supervisor.start()
        return Bench(supervisor)

    yield make
    for supervisor in made:
        await supervisor.stop(5.0)


@pytest.fixture
async def bench(bench_of) -> Bench:
    """A bench with the settings that everybody has."""
    made: Bench = await bench_of()
    return made
