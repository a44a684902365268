from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmlb_core import Cancel, CompletionRequest, Sampling, TextDelta, TokenLogprob, Usage
from llmlb_core.errors import CapabilityMismatch, ContextLengthExceeded, EngineFailed


def words(*texts: str):
    return lambda _request: texts


async def test_chat_is_answered_and_counted(ask, engine_class, chat):
    """Text as it comes, one finish, then usage by the engine's tokenizer."""
    engine = engine_class(words("Hel", "lo ", "you", TextDelta("", token_count=1, finish="stop")))

    answers = await ask(engine, chat("hi there"))

    assert ({0: "Hello you"}, {0: "stop"}) == (answers.texts, answers.finishes)
    assert Usage(prompt_tokens=4, completion_tokens=4) == answers.usage


async def test_numbers_of_the_engine_win_over_our_own_count(ask, engine_class, chat):
    """The engine knows what its cache held and how many tokens a delta is."""
    engine = engine_class(words(TextDelta("", token_count=0, prompt_tokens=31, cached_tokens=7), TextDelta("abc", token_count=3)))

    answers = await ask(engine, chat())

    assert Usage(prompt_tokens=31, completion_tokens=3, cached_tokens=7) == answers.usage


async def test_engine_that_names_no_finish_stopped(ask, engine_class, chat):
    """A choice always ends with a reason."""
    answers = await ask(engine_class(words("a")), chat())

    assert {0: "stop"} == answers.finishes


async def test_length_is_passed_on(ask, engine_class, chat):
    """An answer cut at `max_tokens` says so."""
    answers = await ask(engine_class(words("a", TextDelta("b", finish="length"))), chat())

    assert ({0: "ab"}, {0: "length"}) == (answers.texts, answers.finishes)


async def test_bytes_are_joined_to_whole_characters(ask, engine_class, chat):
    """No delta ends within a character, also where a stop string holds text back."""
    raw = "né😀e".encode()
    engine = engine_class(lambda _request: [raw[i : i + 1] for i in range(len(raw))])

    answers = await ask(engine, chat(stop=("😀!",)))

    assert {0: "né😀e"} == answers.texts
    assert all("\ufffd" not in delta.text for delta in answers.deltas)


async def test_stop_string_ends_answer_and_engine(ask, engine_class, chat):
    """The stop string is cut, and the engine does not go on to its end."""
    engine = engine_class(lambda _request: ("word " if i != 3 else "ST OP" for i in range(1_000_000)))

    answers = await ask(engine, chat(stop=("never", "T O")))

    assert ({0: "word word word S"}, {0: "stop"}) == (answers.texts, answers.finishes)
    assert engine.yielded < 1000
    assert 1 == engine.closed


async def test_every_prompt_and_answer_has_its_index(ask, engine_class):
    """Choice index = prompt index times n plus answer index; each is told apart by `sequence` (24157000-F10)."""
    engine = engine_class(lambda request: [f"{request.prompt}{request.sequence}"])

    answers = await ask(engine, CompletionRequest(prompts=("a", "b"), n=2))

    assert {0: "a0", 1: "a1", 2: "b0", 3: "b1"} == answers.texts
    assert {0: "stop", 1: "stop", 2: "stop", 3: "stop"} == answers.finishes


async def test_usage_counts_prompts_once_and_completions_whole(ask, engine_class):
    """Two prompts of two words, three answers each of two tokens."""
    engine = engine_class(lambda request: [TextDelta("x ", cached_tokens=request.sequence), "y"])

    answers = await ask(engine, CompletionRequest(prompts=("a b", "c d"), n=3))

    assert Usage(prompt_tokens=4, completion_tokens=12, cached_tokens=0) == answers.usage


async def test_answers_run_side_by_side_up_to_the_engines_concurrency(ask, engine_class, chat):
    """Never more at a time, and all of them in the end."""
    engine = engine_class(words(*"abcdef"), max_concurrency=2)

    answers = await ask(engine, chat(n=8))

    assert dict.fromkeys(range(8), "abcdef") == answers.texts
    assert 1 <= engine.most_running <= 2


async def test_echo_begins_with_the_prompt(ask, engine_class):
    """Each answer begins with its own prompt, which is not counted as generated."""
    engine = engine_class(words(" c"))

    answers = await ask(engine, CompletionRequest(prompts=("a b",), echo=True, n=2))

    assert {0: "a b c", 1: "a b c"} == answers.texts
    assert Usage(prompt_tokens=2, completion_tokens=2) == answers.usage


async def test_no_tokens_asked_for_runs_no_engine(ask, engine_class):
    """`max_tokens: 0` with echo is how clients count a prompt."""
    engine = engine_class(words("never"))

    answers = await ask(engine, CompletionRequest(prompts=("a b",), echo=True, sampling=Sampling(max_tokens=0)))

    assert ({0: "a b"}, {0: "length"}, []) == (answers.texts, answers.finishes, engine.requests)


@pytest.mark.parametrize(("asked", "given_to_engine"), [(None, 998), (10, 10), (5000, 998)])
async def test_max_tokens_is_what_the_context_leaves_at_most(ask, engine_class, asked, given_to_engine):
    """The engine is always told a number."""
    engine = engine_class(words("x"))

    await ask(engine, CompletionRequest(prompts=("a b",), sampling=Sampling(max_tokens=asked)))

    assert given_to_engine == engine.requests[0].sampling.max_tokens


async def test_prompt_that_fills_the_context_is_refused(ask, engine_class, chat):
    """Before anything is generated, with both numbers and the parameter."""
    engine = engine_class(words("x"))

    with pytest.raises(ContextLengthExceeded) as chat_error:
        await ask(engine, chat("word " * 1000))
    with pytest.raises(ContextLengthExceeded) as completion_error:
        await ask(engine, CompletionRequest(prompts=("a", "word " * 1000)))

    assert ("messages", "prompt") == (chat_error.value.param, completion_error.value.param)
    assert {"prompt_tokens": 1000, "context_tokens": 1000} == completion_error.value.extras
    assert [] == engine.requests


async def test_token_ids_reach_the_engine(ask, engine_class):
    """And count as many tokens as they are."""
    engine = engine_class(words("x"))

    answers = await ask(engine, CompletionRequest(prompts=((1, 2, 3),), suffix="end"))

    assert ((1, 2, 3), "end") == (engine.requests[0].prompt, engine.requests[0].suffix)
    assert 3 == answers.usage.prompt_tokens


async def test_error_of_an_engine_is_passed_on(ask, engine_class, chat):
    """Whatever it raises, after what it had yielded; the other answers are stopped."""
    engine = engine_class(
        lambda request: ["a", RuntimeError("kaputt")] if request.sequence == 1 else ("x " for _ in range(1_000_000))
    )

    with pytest.raises(RuntimeError, match="kaputt"):
        await ask(engine, chat(n=2))

    assert 2 == engine.closed


async def test_engine_that_exits_fails_its_call_only(ask, engine_class, chat):
    """A library that calls `sys.exit` does not end the worker."""
    with pytest.raises(EngineFailed, match="raised SystemExit"):
        await ask(engine_class(words("a", SystemExit(3))), chat())


async def test_engine_without_a_context_limit_is_told_a_bound(ask, engine_class, chat):
    """Nothing grows without a bound."""
    engine = engine_class(words("x"))
    engine.context = None

    await ask(engine, chat())

    assert 65536 == engine.requests[0].sampling.max_tokens


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    text=st.text("aé😀<S>TOP \n", max_size=20),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    stops=st.lists(st.text("aé😀STOP", min_size=1, max_size=3), max_size=2),
)
def test_logprobs_are_of_the_text_that_is_shown(text, lengths, stops):
    """Tokens cut anywhere in bytes: each token with a visible character has its entry, no other has one, in order."""
    from llmlb_core.worker.chat_format.stops import Stops
    from llmlb_core.worker.generation.answer import Answer

    raw, tokens, at = text.encode(), [], 0
    while at < len(raw):
        tokens.append(raw[at : at + lengths[len(tokens) % len(lengths)]])
        at += len(tokens[-1])
    answer, shown, entries = Answer(0, (Stops(stops),)), "", []

    for number, token in enumerate(tokens):
        if answer.is_done:
            break
        delta = answer.feed(TextDelta(token, logprobs=(TokenLogprob(str(number), -1.0, tuple(token)),)))
        shown, entries = (shown + delta.text, entries + list(delta.logprobs)) if delta else (shown, entries)
    delta = answer.finish()
    shown, entries = (shown + delta.text, entries + list(delta.logprobs)) if delta else (shown, entries)

    ends = [sum(map(len, tokens[: i + 1])) for i in range(len(tokens))]
    starts = [0, *ends[:-1]] if tokens else []
    visible = [str(i) for i, start in enumerate(starts) if start < len(shown.encode())]
    assert visible == [entry.token for entry in entries]


async def test_embedding_model_refuses_text_requests(ask, chat):
    """The client is told what the model is, not given a defect."""
    from llmlb_core import Engine, Fit

    class Embedder(Engine):
        name = "embedder"

        @classmethod
        def fit(cls, facts, devices):
            return Fit(1.0, 0, "always")

        def load(self, model, placement, options): ...

    with pytest.raises(CapabilityMismatch, match="generates no text"):
        await ask(Embedder(), chat())


async def test_cancel_before_the_start_yields_nothing(ask, engine_class, chat):
    """A call that nobody waits for is not begun."""
    cancel = Cancel()
    cancel.set()

    answers = await ask(engine_class(words("x")), chat(), cancel=cancel)

    assert [] == answers.deltas
