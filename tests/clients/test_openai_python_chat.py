"""The official ``openai`` client for Python: chat."""

from __future__ import annotations

import asyncio
import time

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

pytestmark = pytest.mark.model

ASK = [{"role": "user", "content": "What is the capital of France?"}]


def text_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    """Join what one choice said."""
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices and c.choices[0].index == index)


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_a_plain_chat_is_answered_whole(client, model):
    """24157000-F1, F4, F5, 63acef08-F5, N5: text, finish reason, usage that adds up, an id, a time that is now, read strictly."""
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ASK, max_tokens=12, temperature=0)

    answer = ChatCompletion.model_validate_json(raw.text, strict=True)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 12
    assert answer.id.startswith("chatcmpl-")
    assert 60 > abs(answer.created - time.time())
    assert model == answer.model
    assert raw.headers["x-request-id"]


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_streamed_and_plain_greedy_answers_are_the_same(client, model):
    """Text, finish reason and usage (24157000-F1)."""
    asked = {"model": model, "messages": ASK, "max_tokens": 16, "temperature": 0, "seed": 1}

    plain = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))

    assert plain.choices[0].message.content == text_of(chunks)
    assert [plain.choices[0].finish_reason] == [
        c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason
    ]
    assert ([], plain.usage.completion_tokens) == (chunks[-1].choices, chunks[-1].usage.completion_tokens)
    assert 1 == len({chunk.id for chunk in chunks})


def test_three_choices_are_numbered_and_counted_whole(client):
    """Plain and streamed; usage counts all of them (24157000-F10)."""
    asked = {"model": "smollm2", "messages": ASK, "n": 3, "max_tokens": 8, "temperature": 1.5}

    plain = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True))

    assert [0, 1, 2] == [choice.index for choice in plain.choices]
    assert 8 < plain.usage.completion_tokens <= 24
    assert {0, 1, 2} == {c.choices[0].index for c in chunks if c.choices[0].finish_reason}


def test_logprobs_are_real(client):
    """Not above 0, not placeholders, alternatives sorted as the model has them (24157000-F8, F9)."""
    answer = client.chat.completions.create(
        model="smollm2", messages=ASK, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3
    )

    entries = answer.choices[0].logprobs.content

    assert 1 < len({entry.logprob for entry in entries})
    assert all(entry.logprob <= 0 and 3 == len(entry.top_logprobs) for entry in entries)
    assert all(entry.logprob == pytest.approx(max(top.logprob for top in entry.top_logprobs), abs=1e-3) for entry in entries)
    assert answer.choices[0].message.content == b"".join(bytes(entry.bytes) for entry in entries).decode()


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(client):
    """Plain and streamed."""
    asked = {"model": "echo", "messages": [{"role": "user", "content": "one two three four"}], "stop": ["three", "four"]}

    plain = client.chat.completions.create(**asked).choices[0]
    chunks = list(client.chat.completions.create(**asked, stream=True))

    assert ("one two ", "stop") == (plain.message.content, plain.finish_reason)
    assert "one two " == text_of(chunks)


def test_the_same_seed_gives_the_same_answer(client):
    """And another seed usually another one."""
    asked = {"model": "smollm2", "messages": ASK, "max_tokens": 16, "temperature": 1.5}

    answers = [client.chat.completions.create(**asked, seed=seed).choices[0].message.content for seed in (7, 7, 8, 9)]

    assert answers[0] == answers[1]
    assert 1 < len(set(answers))


def test_parse_gives_back_the_model_it_was_asked_for(client):
    """``parse`` sends a strict JSON schema; the answer fits it."""

    class City(BaseModel):
        name: str
        is_capital: bool

    answer = client.chat.completions.parse(model="smollm2", messages=ASK, response_format=City, max_tokens=64, temperature=0)

    assert isinstance(answer.choices[0].message.parsed, City)


def test_text_beyond_ascii_arrives_whole(client):
    """Emoji and combined characters, streamed."""
    said = "é 日本語 🇫🇷 👩‍👩‍👧"
    chunks = list(client.chat.completions.create(model="echo", messages=[{"role": "user", "content": said}], stream=True))

    assert said == text_of(chunks)


def test_unknown_parameters_are_accepted_and_named(client):
    """In a response header."""
    raw = client.chat.completions.with_raw_response.create(model="echo", messages=ASK, extra_body={"guided_magic": 1})

    assert "guided_magic" in raw.headers["x-llmlb-ignored-parameters"]


async def test_asynchronous_calls_run_side_by_side(async_client):
    """Eight streams at a time, none mixed up."""

    async def ask(number: int) -> str:
        stream = await async_client.chat.completions.create(
            model="echo", messages=[{"role": "user", "content": f"call {number} of eight"}], stream=True
        )
        return text_of([chunk async for chunk in stream])

    assert [f"call {number} of eight" for number in range(8)] == await asyncio.gather(*(ask(number) for number in range(8)))


async def test_a_stream_that_is_left_does_not_hold_the_server(async_client):
    """The next call is answered."""
    stream = await async_client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=400, stream=True)
    await anext(aiter(stream))
    await stream.close()

    answer = await async_client.chat.completions.create(model="smollm2", messages=ASK, max_tokens=2)

    assert answer.usage.completion_tokens <= 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"n": 9}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type"),
        ({"top_logprobs": 2}, "top_logprobs"),
    ],
)
def test_a_refused_call_is_a_bad_request_streamed_or_not(client, wrong, param, stream):
    """A 400 with ``param`` and a code, never a 200 with an error inside (24157000-F11)."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**({"model": "echo", "messages": ASK, "stream": stream} | wrong))

    assert (param, "invalid_request_error") == (caught.value.param, caught.value.type)
    assert caught.value.code


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(client):
    """400 ``context_length_exceeded``."""
    with pytest.raises(openai.BadRequestError, match="2048") as caught:
        client.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "word " * 5000}])

    assert "context_length_exceeded" == caught.value.code


def test_an_unknown_model_is_not_found(client):
    """404 ``model_not_found``."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=ASK)

    assert ("model_not_found", "model") == (caught.value.code, caught.value.param)


@pytest.mark.parametrize("key", ["sk_" + "x" * 32, "nonsense"])
def test_a_wrong_key_is_an_authentication_error(client, key):
    """401 ``invalid_api_key``."""
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key=key).chat.completions.create(model="echo", messages=ASK)

    assert "invalid_api_key" == caught.value.code
