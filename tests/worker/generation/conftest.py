from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing

import pytest
from attrs import define, field

from llmlb_core import (
    Cancel,
    ChatRequest,
    Delta,
    Device,
    EmbeddingEngine,
    Engine,
    Fit,
    LocalModel,
    Message,
    ModelFacts,
    Placement,
    TextDelta,
    TextEngine,
    TextPart,
    TextRequest,
    Usage,
    Vectors,
    float32_rows,
)
from llmlb_core.domain.requests import CanonicalRequest
from llmlb_core.worker.generation import generate

Script = Callable[[TextRequest], Iterable[TextDelta | str | bytes | BaseException]]


class Scripted(TextEngine):
    """Yields what a script says, from a plain iterator; counts words as tokens."""

    name = "scripted"
    supports = frozenset({"json_schema", "logprobs", "seed", "logit_bias", "penalties", "token_prompts", "suffix"})
    context = 1000

    def __init__(self, script: Script, max_concurrency: int = 4) -> None:
        self.script = script
        self.max_concurrency = max_concurrency
        self.requests: list[TextRequest] = []
        self.threads: set[str] = set()
        self.yielded = 0
        self.closed = 0
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit:
        return Fit(1.0, 0, "always")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None: ...

    @property
    def context_tokens(self) -> int | None:
        return self.context

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, request: TextRequest, cancel: Cancel) -> Iterator[TextDelta] | AsyncIterator[TextDelta]:
        return self._deltas(request, cancel)

    def _deltas(self, request: TextRequest, cancel: Cancel) -> Iterator[TextDelta]:
        self._begin(request)
        try:
            for item in self.script(request):
                if cancel.is_set:
                    return
                yield self._delta(item)
        finally:
            self._end()

    def _begin(self, request: TextRequest) -> None:
        with self._lock:
            self.requests.append(request)
            self.threads.add(threading.current_thread().name)
            self.running += 1
            self.most_running = max(self.most_running, self.running)

    def _delta(self, item: TextDelta | str | bytes | BaseException) -> TextDelta:
        if isinstance(item, BaseException):
            raise item
        with self._lock:
            self.yielded += 1
        return item if isinstance(item, TextDelta) else TextDelta(item)

    def _end(self) -> None:
        with self._lock:
            self.closed += 1
            self.running -= 1


class GeneratorScripted(Scripted):
    """The same as a generator function."""

    name = "generator-scripted"

    def generate(self, request: TextRequest, cancel: Cancel) -> Iterator[TextDelta]:
        yield from self._deltas(request, cancel)


class AsyncScripted(Scripted):
    """The same as an async iterator; a delta whose text is ``...`` waits for ever."""

    name = "async-scripted"

    async def generate(self, request: TextRequest, cancel: Cancel) -> AsyncIterator[TextDelta]:
        self._begin(request)
        try:
            for item in self.script(request):
                if item == "...":
                    await asyncio.get_running_loop().create_future()
                yield self._delta(item)
                await asyncio.sleep(0)
        finally:
            self._end()


@define
class Answers:
    """What came out of a call, by choice."""

    texts: dict[int, str] = field(factory=dict)
    reasoning: dict[int, str] = field(factory=dict)
    calls: dict[int, list[tuple[int, str, str]]] = field(factory=dict)
    logprobs: dict[int, list[str]] = field(factory=dict)
    finishes: dict[int, str] = field(factory=dict)
    usage: Usage | None = None
    vectors: Vectors | None = None
    deltas: list[Delta] = field(factory=list)

    def add(self, result: Delta | Vectors) -> None:
        if isinstance(result, Vectors):
            self.vectors = result
            return
        assert self.usage is None, "nothing follows the usage"
        self.deltas.append(result)
        if result.usage is not None:
            self.usage = result.usage
            return
        choice = result.choice
        assert choice not in self.finishes, "nothing follows a choice's finish"
        self.texts[choice] = self.texts.get(choice, "") + result.text
        self.reasoning[choice] = self.reasoning.get(choice, "") + result.reasoning
        self.logprobs.setdefault(choice, []).extend(entry.token for entry in result.logprobs)
        calls = self.calls.setdefault(choice, [])
        for piece in result.tool_calls:
            if piece.id is not None:
                calls.append((piece.index, piece.name or "", piece.arguments))
            else:
                index, name, arguments = calls[-1]
                assert index == piece.index
                calls[-1] = (index, name, arguments + piece.arguments)
        if result.finish is not None:
            self.finishes[choice] = result.finish


@pytest.fixture(params=[Scripted, GeneratorScripted, AsyncScripted], ids=["iterator", "generator", "async"])
def engine_class(request) -> type[Scripted]:
    """All kinds of engines: what holds for one holds for the others."""
    return request.param


@pytest.fixture
def sync_engine() -> type[Scripted]:
    return Scripted


@pytest.fixture
def async_engine() -> type[AsyncScripted]:
    return AsyncScripted


@pytest.fixture
def model() -> LocalModel:
    return LocalModel(id="m", facts=ModelFacts(format=""))


@pytest.fixture
def ask(model):
    """Run a request to its end."""

    async def run(engine: Engine, request: CanonicalRequest, *, model: LocalModel = model, cancel: Cancel | None = None) -> Answers:
        out = Answers()
        async with asyncio.timeout(20), aclosing(generate(engine, model, request, cancel or Cancel())) as results:
            async for result in results:
                out.add(result)
        return out

    return run


@pytest.fixture
def chat():
    """Make a chat of one user's message."""

    def make(text: str = "hi", **fields: object) -> ChatRequest:
        return ChatRequest(messages=(Message("user", (TextPart(text),)),), **fields)

    return make


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Whatever happens to a call, its engine threads end with it."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("engine-")]
    for thread in left:
        thread.join(5)
    assert [] == [thread.name for thread in left if thread.is_alive()]


class WordCounter(EmbeddingEngine):
    """A vector of two numbers for each text."""

    name = "word-counter"

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.waits = False
        self.waiting = threading.Event()
        self.thread: threading.Thread | None = None

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit:
        return Fit(1.0, 0, "always")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None: ...

    def embed(self, inputs: Sequence[str | tuple[int, ...]], dimensions: int | None, cancel: Cancel) -> Vectors:
        self.thread = threading.current_thread()
        if self.error is not None:
            raise self.error
        if self.waits:
            stopped = threading.Event()
            cancel.on_set(stopped.set)
            self.waiting.set()
            stopped.wait(20)
        counts = [len(text.split()) for text in inputs if isinstance(text, str)]
        return Vectors(float32_rows([(1.0, 0.0) for _ in inputs]), len(inputs), 2, Usage(prompt_tokens=sum(counts)))


@pytest.fixture
def embedder() -> WordCounter:
    return WordCounter()
