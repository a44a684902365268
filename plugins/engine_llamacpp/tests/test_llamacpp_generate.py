from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence

import pytest
from llmlb_engine_llamacpp.engine import LlamaCppEngine

from llmlb_core import Cancel, TextDelta
from llmlb_core.errors import ContextLengthExceeded, InvalidRequest

pytestmark = pytest.mark.model

Ask = Callable[..., Coroutine[None, None, list[TextDelta]]]
Chat = Callable[[str], str]
TextOf = Callable[[Sequence[TextDelta]], str]


async def test_greedy_answer_is_the_same_each_time(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """Temperature 0 gives one answer, with or without a cached prompt."""
    answers = {text_of(await ask(chat("What is 2+2?"))) for _ in range(3)}

    assert {"The answer is: 4"} == answers


async def test_usage_counts_every_token(ask: Ask, chat: Chat, engine: LlamaCppEngine) -> None:
    """Prompt and generated tokens are those of the model's tokenizer; the end token is one of them."""
    prompt = chat("What is 2+2?")

    deltas = await ask(prompt)

    assert "stop" == deltas[-1].finish
    assert engine.count_tokens(prompt) == deltas[-1].prompt_tokens == deltas[0].prompt_tokens
    assert engine.count_tokens("The answer is: 4") + 1 == sum(delta.token_count for delta in deltas)


@pytest.mark.parametrize("text", ["Hello", "", "a  b\n\n c", "日本語🌌 ", "<|im_start|>user\n<|im_end|>", "x" * 300, "\x00\u202e"])
async def test_count_tokens_is_what_generating_reads(ask: Ask, engine: LlamaCppEngine, text: str) -> None:
    """``count_tokens`` and the tokens evaluated agree for text of every kind."""
    deltas = await ask(text, max_tokens=1)

    assert deltas[-1].prompt_tokens == engine.count_tokens(text)


async def test_answer_ends_at_max_tokens(ask: Ask, chat: Chat) -> None:
    """The number of tokens is exact, and the reason is ``length``."""
    deltas = await ask(chat("Count to one hundred."), max_tokens=7)

    assert ("length", 7) == (deltas[-1].finish, sum(delta.token_count for delta in deltas))


async def test_answer_ends_where_the_context_is_full(ask: Ask, engine: LlamaCppEngine) -> None:
    """An answer that would be longer than the context ends with ``length`` and no error."""
    assert engine.context_tokens == 512

    deltas = await ask("one two three four " * 120, max_tokens=400, logit_bias=((2, -100.0),))

    assert "length" == deltas[-1].finish
    assert engine.context_tokens in {
        (deltas[-1].prompt_tokens or 0) + sum(delta.token_count for delta in deltas) + spare for spare in (0, -1, 1)
    }


async def test_seed_repeats_an_answer_and_another_seed_does_not(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """The same seed draws the same tokens; another seed, and another sequence of the same call, draw others."""
    prompt = chat("Tell me a story.")

    first, again, other, second = [
        text_of(await ask(prompt, temperature=1.5, seed=seed, sequence=sequence))
        for seed, sequence in ((7, 0), (7, 0), (8, 0), (7, 1))
    ]

    assert first == again
    assert 3 == len({first, other, second})


async def test_logit_bias_forbids_and_forces_tokens(ask: Ask, chat: Chat, text_of: TextOf, engine: LlamaCppEngine) -> None:
    """-100 keeps a token from coming, 100 lets nothing else come."""
    prompt = chat("What is 2+2?")
    token = _one_token(engine, "The")

    without = text_of(await ask(prompt, logit_bias=((token, -100.0),)))
    forced = text_of(await ask(prompt, max_tokens=3, logit_bias=((token, 100.0),)))

    assert not without.startswith("The")
    assert "TheTheThe" == forced


async def test_penalties_change_an_answer_that_repeats_itself(ask: Ask, text_of: TextOf) -> None:
    """A model driven to repeat itself stops doing so when repetition costs (24157000-F6, F7)."""
    prompt = "one one one one one one one one one one"

    plain, presence, frequency, repeat = [
        text_of(await ask(prompt, **given))
        for given in ({}, {"presence_penalty": 2.0}, {"frequency_penalty": 2.0}, {"repeat_penalty": 2.0})
    ]

    assert "-to-many-to-many" in plain
    assert not {presence, frequency, repeat} & {plain}


async def test_prompt_may_be_token_ids(ask: Ask, text_of: TextOf, engine: LlamaCppEngine, chat: Chat) -> None:
    """Token ids say the same as the text they came from."""
    prompt = chat("What is 2+2?")
    tokens = tuple(engine._loaded().tokenize(prompt, add_special=True))

    deltas = await ask(tokens)

    assert ("The answer is: 4", len(tokens)) == (text_of(deltas), deltas[-1].prompt_tokens)


@pytest.mark.parametrize("token", [-1, 49152, 2**40])
async def test_token_outside_the_vocabulary_is_refused(ask: Ask, token: int) -> None:
    """A token id that does not exist is named, with how many there are."""
    with pytest.raises(InvalidRequest, match=f"{token} is not a token of this model, which has 49152"):
        await ask((1, token))


async def test_prompt_beyond_the_context_says_both_numbers(ask: Ask) -> None:
    """The error holds how long the prompt is and how long it may be."""
    with pytest.raises(ContextLengthExceeded) as caught:
        await ask("word " * 700)

    assert {"prompt_tokens": 701, "context_tokens": 512} == caught.value.extras


async def test_characters_of_several_tokens_come_whole(ask: Ask, chat: Chat) -> None:
    """An emoji that takes three tokens is one delta of three tokens; one that ``max_tokens`` cuts is left out."""
    deltas = await ask(chat("Say hello with an emoji 🙂"), max_tokens=8)

    texts = [str(delta.text) for delta in deltas if delta.text]
    assert ["🌌", "🌉"] == texts
    assert [3, 3] == [delta.token_count for delta in deltas if delta.text]
    assert 8 == sum(delta.token_count for delta in deltas)


async def test_four_sequences_at_a_time_answer_as_each_alone(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """Continuous batching mixes no texts up."""
    prompts = [
        chat(question) for question in ("What is 2+2?", "Name three colors.", "Say hello.", "What is the capital of France?")
    ]
    alone = [text_of(await ask(prompt, max_tokens=12)) for prompt in prompts]

    together = await asyncio.gather(*(ask(prompt, max_tokens=12) for prompt in prompts))

    assert alone == [text_of(deltas) for deltas in together]


async def test_more_calls_than_slots_all_answer(ask: Ask, chat: Chat, text_of: TextOf) -> None:
    """Calls beyond the number of sequences wait inside llama.cpp; none is lost."""
    answers = await asyncio.gather(*(ask(chat("What is 2+2?")) for _ in range(9)))

    assert {"The answer is: 4"} == {text_of(deltas) for deltas in answers}


async def test_cancel_ends_a_running_answer_within_a_second(ask: Ask, chat: Chat, engine: LlamaCppEngine) -> None:
    """A cancel from outside stops the reader at once, and llama.cpp soon after."""
    cancel = Cancel()
    running = asyncio.create_task(ask(chat("Count to one thousand."), max_tokens=450, cancel=cancel, logit_bias=((2, -100.0),)))
    await _until(lambda: bool(engine._calls))
    await asyncio.sleep(0.3)
    began_at = time.monotonic()

    cancel.set()
    deltas = await running

    assert time.monotonic() - began_at < 1
    assert all(delta.finish is None for delta in deltas)
    await _until(lambda: not engine._calls)


async def test_cancel_ends_the_reading_of_a_long_prompt_within_a_second(ask: Ask, engine: LlamaCppEngine) -> None:
    """A prompt is left alone between two of its steps, long before it was read to its end."""
    cancel = Cancel()
    running = asyncio.create_task(ask("word and another " * 160, max_tokens=1, seed=1, cancel=cancel))
    await _until(lambda: bool(engine._calls))
    await asyncio.sleep(0.1)
    began_at = time.monotonic()

    cancel.set()
    await running

    assert time.monotonic() - began_at < 1


async def test_answer_that_nobody_reads_to_its_end_is_stopped(engine: LlamaCppEngine, chat: Chat) -> None:
    """Closing the iterator frees the slot."""
    from llmlb_core import Sampling, TextRequest

    request = TextRequest(prompt=chat("Count to one thousand."), sampling=Sampling(max_tokens=400, logit_bias=((2, -100.0),)))
    deltas = engine.generate(request, Cancel())
    await anext(deltas)

    await deltas.aclose()  # type: ignore[attr-defined]  # an async generator

    await _until(lambda: not engine._calls)


async def test_empty_prompt_starts_a_document(ask: Ask) -> None:
    """No prompt at all is answered, as OpenAI does, from the token that begins documents."""
    deltas = await ask("", max_tokens=3)

    assert (1, 3) == (deltas[-1].prompt_tokens, sum(delta.token_count for delta in deltas))


def _one_token(engine: LlamaCppEngine, text: str) -> int:
    (token,) = engine._loaded().tokenize(text, add_special=False)
    return token


async def _until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # threads of the engine end, and tell nobody
            await asyncio.sleep(0.01)
