"""The kit for engines that generate text."""

from __future__ import annotations

import asyncio
import codecs
import json
from typing import Any, ClassVar

import pytest

from llmlb_core import (
    Cancel,
    ChatRequest,
    CompletionRequest,
    Delta,
    LocalModel,
    Message,
    ModelFacts,
    Sampling,
    TextDelta,
    TextEngine,
    TextPart,
    TextRequest,
)
from llmlb_core.errors import ContextLengthExceeded
from llmlb_testing.contracts.engine import EngineContract
from llmlb_testing.engines import generated

CANCEL_DEADLINE_S = 5.0
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}


class TextEngineContract(EngineContract):
    """Rules of ``llmlb_core.TextEngine``. Needs a fixture ``engine``; see ``EngineContract``.

    Attributes:
        prompt: What is continued.
        long_prompt: What is continued until it is cancelled; its answer should have more than ``tokens_after_cancel`` tokens.
        max_tokens: Of a short answer.
        tokens_after_cancel: How many tokens may still come, such as those that were ready.
    """

    prompt: ClassVar[str] = "One, two, three, four, five, six, seven, eight, nine, ten, eleven,"
    long_prompt: ClassVar[str] = "one two three four five " * 20
    max_tokens: ClassVar[int] = 8
    tokens_after_cancel: ClassVar[int] = 32

    def request(self, prompt: str | tuple[int, ...] | None = None, *, max_tokens: int | None = None, **given: Any) -> TextRequest:
        """Return a greedy request; ``sampling`` and the rest as *given*."""
        sampling = given.pop("sampling", None) or Sampling(temperature=0.0, max_tokens=max_tokens or self.max_tokens)
        return TextRequest(prompt=self.prompt if prompt is None else prompt, sampling=sampling, **given)

    @pytest.mark.asyncio
    async def test_an_answer_ends_with_one_finish(self, engine: TextEngine) -> None:
        """``finish`` says why an answer ended, once, on its last delta; without it the client is told of a broken answer."""
        deltas = await generated(engine, self.request())

        assert [delta.finish is not None for delta in deltas] == [False] * (len(deltas) - 1) + [True]

    @pytest.mark.asyncio
    async def test_an_answer_has_at_most_max_tokens(self, engine: TextEngine) -> None:
        """Clients pay by token and plan by ``max_tokens``; ``length`` is told only where that, or the context, ended it."""
        deltas = await generated(engine, self.request(max_tokens=3))

        count = sum(delta.token_count for delta in deltas)
        assert count <= 3
        assert deltas[-1].finish == "stop" or count == 3, f"'length' after {count} of 3 tokens"

    @pytest.mark.asyncio
    async def test_text_is_utf_8(self, engine: TextEngine) -> None:
        """A ``str`` is whole characters; ``bytes`` may end within one, but are the bytes of the text."""
        deltas = await generated(engine, self.request("Grüße, 世界 🙂 "))

        decoder = codecs.getincrementaldecoder("utf-8")()
        for delta in deltas:
            data = delta.text if isinstance(delta.text, bytes) else delta.text.encode()
            decoder.decode(data)

    @pytest.mark.asyncio
    async def test_it_counts_the_prompt_the_same_on_every_delta(self, engine: TextEngine) -> None:
        """``prompt_tokens`` becomes the usage that clients pay; None lets the harness count."""
        deltas = await generated(engine, self.request())

        told = {delta.prompt_tokens for delta in deltas} - {None}
        assert len(told) <= 1
        assert all(count is not None and count > 0 for count in told)
        assert all((delta.cached_tokens or 0) <= (delta.prompt_tokens or 0) for delta in deltas if delta.cached_tokens is not None)

    @pytest.mark.asyncio
    async def test_it_stops_soon_after_a_cancel(self, engine: TextEngine) -> None:
        """A client that left costs nothing more; a worker that goes on for over a second is killed with all its calls."""
        cancel, after = Cancel(), 0

        def on_delta(delta: TextDelta) -> None:
            nonlocal after
            after += delta.token_count if cancel.is_set else 0
            cancel.set()

        async with asyncio.timeout(CANCEL_DEADLINE_S):
            await generated(engine, self.request(self.long_prompt, max_tokens=256), cancel, on_delta)

        assert after <= self.tokens_after_cancel, f"{after} tokens came after the cancel; look at cancel.is_set between tokens"

    @pytest.mark.asyncio
    async def test_a_call_cancelled_before_it_began_ends(self, engine: TextEngine) -> None:
        """Clients leave while their call waits."""
        cancel = Cancel()
        cancel.set()

        async with asyncio.timeout(CANCEL_DEADLINE_S):
            deltas = await generated(engine, self.request(self.long_prompt, max_tokens=256), cancel)

        assert sum(delta.token_count for delta in deltas) <= self.tokens_after_cancel

    @pytest.mark.asyncio
    async def test_it_answers_after_a_cancel(self, engine: TextEngine) -> None:
        """One client that leaves never spoils the model for the next."""
        cancel = Cancel()
        await generated(engine, self.request(self.long_prompt, max_tokens=64), cancel, lambda _delta: cancel.set())

        assert (await generated(engine, self.request()))[-1].finish is not None

    @pytest.mark.asyncio
    async def test_it_answers_as_many_calls_at_a_time_as_it_says(self, engine: TextEngine) -> None:
        """``max_concurrency`` calls run side by side, each with its own end."""
        count = min(engine.max_concurrency, 4)

        answers = await asyncio.gather(*(generated(engine, self.request(sequence=index)) for index in range(count)))

        assert [answer[-1].finish is not None for answer in answers] == [True] * count

    @pytest.mark.asyncio
    async def test_the_same_seed_gives_the_same_answer(self, engine: TextEngine) -> None:
        """``seed`` in ``supports`` is a promise to those who test with it."""
        self.needs(engine, "seed")
        request = self.request(sampling=Sampling(seed=7, temperature=1.0, max_tokens=self.max_tokens))

        first, second = [_joined(await generated(engine, request)) for _ in range(2)]

        assert first == second

    @pytest.mark.asyncio
    async def test_log_probabilities_come_where_they_are_asked_for(self, engine: TextEngine) -> None:
        """One entry a token, at most 0, with at most as many alternatives as asked for; none where nobody asked."""
        self.needs(engine, "logprobs")

        asked = await generated(engine, self.request(top_logprobs=2))
        plain = await generated(engine, self.request())

        assert not any(delta.logprobs for delta in plain)
        for delta in asked:
            assert not delta.text or len(delta.logprobs) == delta.token_count
            for entry in delta.logprobs:
                assert entry.logprob <= 0
                assert len(entry.top) <= 2
                assert all(top.logprob <= 0 for top in entry.top)

    @pytest.mark.asyncio
    async def test_a_json_schema_is_kept(self, engine: TextEngine) -> None:
        """``json_schema`` in ``supports`` means that the text fits the schema, always: tools and structured answers rest on it."""
        self.needs(engine, "json_schema")

        deltas = await generated(engine, self.request("Answer in JSON: ", max_tokens=64, json_schema=json.dumps(SCHEMA)))

        document = json.loads(_joined(deltas))
        assert set(document) == {"ok"}
        assert isinstance(document["ok"], bool)

    @pytest.mark.asyncio
    async def test_token_ids_are_continued(self, engine: TextEngine) -> None:
        """``token_prompts`` in ``supports``: a prompt may be the model's own token ids."""
        self.needs(engine, "token_prompts")

        assert (await generated(engine, self.request((1, 2, 3))))[-1].finish is not None

    @pytest.mark.asyncio
    async def test_a_prompt_that_does_not_fit_is_told(self, engine: TextEngine) -> None:
        """``ContextLengthExceeded`` with both numbers: the client can shorten its prompt, a crash it cannot mend."""
        if engine.context_tokens is None:
            pytest.skip("this engine has no limit of context")
        prompt = "word " * (engine.context_tokens + 8)

        with pytest.raises(ContextLengthExceeded) as caught:
            await generated(engine, self.request(prompt))

        assert caught.value.extras["context_tokens"] == engine.context_tokens
        assert "prompt_tokens" in caught.value.extras

    def test_counting_tokens(self, engine: TextEngine) -> None:
        """Usage and limits rest on the count: the same each time, more for more text, any text."""
        text = "Grüße, 世界 🙂 \x00 <|im_end|>"

        assert engine.count_tokens(text) == engine.count_tokens(text)
        assert 0 <= engine.count_tokens("") <= engine.count_tokens("word") < engine.count_tokens("word " * 50)

    @pytest.mark.asyncio
    async def test_a_chat_goes_through_the_harness(self, engine: TextEngine) -> None:
        """Two answers of one chat, each finished, with usage: what a client sees."""
        request = ChatRequest(
            messages=(Message("user", (TextPart("Say hello."),)),), n=2, sampling=Sampling(max_tokens=self.max_tokens)
        )

        deltas = await _through_harness(engine, request)

        assert sorted(delta.choice for delta in deltas if delta.finish) == [0, 1]
        assert deltas[-1].usage is not None
        assert deltas[-1].usage.prompt_tokens > 0

    @pytest.mark.asyncio
    async def test_a_completion_goes_through_the_harness(self, engine: TextEngine) -> None:
        """Usage never says more than was asked for."""
        request = CompletionRequest(prompts=(self.prompt,), sampling=Sampling(max_tokens=self.max_tokens))

        deltas = await _through_harness(engine, request)

        assert [delta.choice for delta in deltas if delta.finish] == [0]
        assert deltas[-1].usage is not None
        assert deltas[-1].usage.completion_tokens <= self.max_tokens

    def needs(self, engine: TextEngine, feature: str) -> None:
        """Skip where the engine does not claim *feature*; the core then answers 400."""
        if feature not in engine.supports:
            pytest.skip(f"{feature!r} is not in supports")


async def _through_harness(engine: TextEngine, request: ChatRequest | CompletionRequest) -> list[Delta]:
    from llmlb_core.worker.generation import generate

    model = LocalModel("test-model", ModelFacts(format=(engine.formats or ("",))[0]))
    return [result async for result in generate(engine, model, request, Cancel()) if isinstance(result, Delta)]


def _joined(deltas: list[TextDelta]) -> str:
    return b"".join(delta.text if isinstance(delta.text, bytes) else delta.text.encode() for delta in deltas).decode(
        errors="replace"
    )
