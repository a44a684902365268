"""The sequences of one request, run side by side and counted whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from llmlb_core.contracts.engine import Cancel, TextEngine
from llmlb_core.domain.results import Delta, FinishReason, Usage
from llmlb_core.worker.generation.answer import Answer
from llmlb_core.worker.generation.plan import Plan, Sequence
from llmlb_core.worker.generation.slots import slots_of
from llmlb_core.worker.generation.streams import open_stream

_MERGE_CAPACITY = 64


class Choices:
    """Runs a plan on an engine, at most ``max_concurrency`` sequences at a time."""

    def __init__(self, engine: TextEngine, plan: Plan, cancel: Cancel) -> None:
        """Prepare; ``deltas`` runs it."""
        self._engine = engine
        self._plan = plan
        self._cancel = cancel
        self._answers = [Answer(sequence.choice, sequence.parsers()) for sequence in plan.sequences]

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Yield the deltas of all choices as they come, and the usage last.

        When the call is cancelled, what was generated until then is counted and marked partial.
        """
        is_single = len(self._answers) == 1
        deltas = self._run(self._plan.sequences[0], self._answers[0]) if is_single else self._merged()
        async with aclosing(deltas):
            async for delta in deltas:
                yield delta
        yield Delta(usage=self._usage())

    def _usage(self) -> Usage:
        prompts = list(self._plan.prompt_tokens)
        cached = [0] * len(prompts)
        for sequence, answer in zip(self._plan.sequences, self._answers, strict=True):
            if answer.prompt_tokens is not None:
                prompts[sequence.prompt_index] = answer.prompt_tokens
            # Later answers find the prompt that the first one left in the cache; only the first one's count says what was saved.
            if sequence.request.sequence == 0 and answer.cached_tokens is not None:
                cached[sequence.prompt_index] = answer.cached_tokens
        return Usage(
            prompt_tokens=sum(prompts),
            completion_tokens=sum(answer.completion_tokens for answer in self._answers),
            cached_tokens=sum(cached),
            reasoning_tokens=sum(answer.reasoning_tokens for answer in self._answers),
            is_partial=self._cancel.is_set,
        )

    def _is_cancelled(self) -> bool:
        # A method, because it changes while a sequence runs, which type checkers do not expect of a property.
        return self._cancel.is_set

    async def _run(self, sequence: Sequence, answer: Answer) -> AsyncGenerator[Delta, None]:
        """Yield the deltas of one choice, in a slot of the engine."""
        async with slots_of(self._engine).hold(self._cancel):
            if self._is_cancelled():
                return
            if sequence.echo:
                yield Delta(choice=sequence.choice, text=sequence.echo)
            finish: FinishReason | None = None
            if sequence.request.sampling.max_tokens == 0:
                finish = "length"
            else:
                # A stop string ends this sequence only; the whole call's cancel ends it as well.
                cancel = Cancel()
                self._cancel.on_set(cancel.set)
                stream = await open_stream(self._engine, self._engine.generate, sequence.request, cancel)
                try:
                    while not answer.is_done and finish is None and (delta := await stream.get()) is not None:
                        finish = delta.finish
                        if (content := answer.feed(delta)) is not None:
                            yield content
                finally:
                    await stream.close()
            if self._is_cancelled():
                return
            if (content := answer.finish()) is not None:
                yield content
            yield answer.ending(finish)

    async def _merged(self) -> AsyncGenerator[Delta, None]:
        """Yield the deltas of all choices in the order they come."""
        merged: asyncio.Queue[Delta | None] = asyncio.Queue(_MERGE_CAPACITY)

        async def pump(sequence: Sequence, answer: Answer) -> None:
            deltas = self._run(sequence, answer)
            async with aclosing(deltas):
                async for delta in deltas:
                    await merged.put(delta)

        failures: list[BaseException] = []

        async def pump_all() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for sequence, answer in zip(self._plan.sequences, self._answers, strict=True):
                        group.create_task(pump(sequence, answer))
            except BaseExceptionGroup as errors:
                failures.extend(errors.exceptions)
            await merged.put(None)

        runner = asyncio.get_running_loop().create_task(pump_all())
        try:
            while (delta := await merged.get()) is not None:
                yield delta
            if failures:
                raise failures[0]
        finally:
            runner.cancel()
            await asyncio.wait([runner])
