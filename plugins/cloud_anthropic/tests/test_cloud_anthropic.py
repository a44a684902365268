"""Anthropic as a provider: clients of OpenAI's API by translation, clients of its own byte for byte; all against a strict fake."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anthropic
import openai
import pytest
from llmlb_testing.doors import open_doors
from llmlb_testing.providers.anthropic import FakeAnthropic, answers, events, says
from llmlb_testing.providers.base import Scripted

from llmlb_core.settings.load import load_settings

MODEL = "anthropic:claude-sonnet-4-5"
MESSAGES = [{"role": "user", "content": "hi"}]
TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = ["dialect_openai", "dialect_anthropic", "cloud_anthropic", "router_auto", "admission_fair"]
[dispatch]
back_off_s = 0.001
[clouds.anthropic]
base_url = "{url}"
api_key = {{ file = "key" }}
"""
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
CALLS = [
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Oslo"}},
    {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"town": "Rome"}},
]


@asynccontextmanager
async def serving(tmp_path):
    (tmp_path / "key").write_text("key-1")
    async with FakeAnthropic.open() as provider:
        (tmp_path / "llmlb.toml").write_text(TOML.format(url=provider.url))
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
        async with open_doors(settings) as doors:
            yield doors.url, provider
        assert [] == provider.problems


@asynccontextmanager
async def openai_client(tmp_path):
    async with (
        serving(tmp_path) as (url, provider),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="mine", max_retries=0) as client,
    ):
        yield client, provider


@asynccontextmanager
async def anthropic_client(tmp_path):
    async with (
        serving(tmp_path) as (url, provider),
        anthropic.AsyncAnthropic(base_url=url, api_key="mine", max_retries=0) as client,
    ):
        yield client, provider


async def test_openais_sdk_gets_a_whole_answer(tmp_path):
    """With tokens, and the model's name as it was asked for."""
    async with openai_client(tmp_path) as (client, _):
        answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert ("Hello there.", "stop", MODEL) == (answer.choices[0].message.content, answer.choices[0].finish_reason, answer.model)
    assert (15, 5, 3) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
        answer.usage.prompt_tokens_details.cached_tokens,
    )


async def test_openais_sdk_gets_a_stream(tmp_path):
    """Text in pieces, usage at the end."""
    async with openai_client(tmp_path) as (client, _):
        stream = await client.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

    assert "Hello there." == "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert 20 == chunks[-1].usage.total_tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_openais_sdk_walks_through_a_round_of_parallel_tools(tmp_path, stream):
    """Calls come, results go back, the next answer is a text."""
    async with openai_client(tmp_path) as (client, provider):
        provider.script(answers(CALLS, "tool_use", stream=stream))
        if stream:
            async with client.chat.completions.stream(model=MODEL, messages=MESSAGES, tools=TOOLS) as events_:
                async for _ in events_:
                    pass
                message = (await events_.get_final_completion()).choices[0].message
        else:
            message = (await client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=TOOLS)).choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": "cold"} for call in message.tool_calls]
        again = [*MESSAGES, message.model_dump(exclude_none=True, exclude={"parsed": True}), *results]
        for call in again[1]["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        answer = await client.chat.completions.create(model=MODEL, messages=again, tools=TOOLS)

    sent = provider.asked[1].json["messages"]
    assert ["toolu_1", "toolu_2"] == [block["id"] for block in sent[1]["content"] if block["type"] == "tool_use"]
    assert [{"town": "Oslo"}, {"town": "Rome"}] == [block["input"] for block in sent[1]["content"] if block["type"] == "tool_use"]
    assert ["toolu_1", "toolu_2"] == [block["tool_use_id"] for block in sent[2]["content"]]
    assert "Hello there." == answer.choices[0].message.content


THOUGHTS = [
    {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCgIYAhIM+/=="},
    {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
]


@pytest.mark.parametrize("stream", [False, True])
async def test_sealed_thinking_goes_through_a_chat_and_back_unchanged(tmp_path, stream):
    """Readable as reasoning, sealed as blocks; the provider is given the blocks again as they were."""
    async with openai_client(tmp_path) as (client, provider):
        provider.script(answers([*THOUGHTS, {"type": "text", "text": "Yes."}], stream=stream))
        if stream:
            chunks = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, reasoning_effort="low")
            deltas = [chunk.choices[0].delta async for chunk in chunks if chunk.choices]
            blocks = [block for delta in deltas for block in (delta.model_extra.get("thinking_blocks") or ())]
            reasoning = "".join(delta.model_extra.get("reasoning_content") or "" for delta in deltas)
        else:
            answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES, reasoning_effort="low")
            blocks = answer.choices[0].message.model_extra["thinking_blocks"]
            reasoning = answer.choices[0].message.model_extra["reasoning_content"]
        said = {"role": "assistant", "content": "Yes.", "thinking_blocks": blocks}
        await client.chat.completions.create(model=MODEL, messages=[*MESSAGES, said, *MESSAGES])

    assert ("Let me see.", THOUGHTS) == (reasoning, blocks)
    assert {"type": "enabled", "budget_tokens": 1024} == provider.asked[0].json["thinking"]
    assert [*THOUGHTS, {"type": "text", "text": "Yes."}] == provider.asked[1].json["messages"][1]["content"]


@pytest.mark.parametrize("stream", [False, True])
async def test_sealed_thinking_goes_through_the_responses_api_and_back_unchanged(tmp_path, stream):
    """As encrypted content of reasoning items."""
    async with openai_client(tmp_path) as (client, provider):
        provider.script(answers([*THOUGHTS, {"type": "text", "text": "Yes."}], stream=stream))
        if stream:
            async with client.responses.stream(model=MODEL, input="hi") as events_:
                answer = await events_.get_final_response()
        else:
            answer = await client.responses.create(model=MODEL, input="hi")
        items = [item.model_dump(exclude_none=True) for item in answer.output]
        await client.responses.create(model=MODEL, input=[*MESSAGES, *items, *MESSAGES])

    assert [*THOUGHTS, {"type": "text", "text": "Yes."}] == provider.asked[1].json["messages"][1]["content"]


async def test_the_responses_api_reaches_it_too(tmp_path):
    """By the same translation."""
    async with openai_client(tmp_path) as (client, _):
        answer = await client.responses.create(model=MODEL, input="hi")

    assert "Hello there." == answer.output_text


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, openai.BadRequestError, "too hot"),
        (401, openai.AuthenticationError, "too hot"),
        (403, openai.PermissionDeniedError, "too hot"),
        (404, openai.NotFoundError, "too hot"),
        (429, openai.RateLimitError, "too hot"),
        (500, openai.InternalServerError, "too hot"),
        (529, openai.InternalServerError, "too hot"),
    ],
)
async def test_openais_sdk_raises_what_the_provider_says(tmp_path, status, error, words):
    """In its own classes."""
    async with openai_client(tmp_path) as (client, provider):
        provider.script(*[Scripted(status, provider.error(status, words))] * 5)
        with pytest.raises(error, match=words):
            await client.chat.completions.create(model=MODEL, messages=MESSAGES)


async def test_an_error_in_a_stream_is_told_in_it(tmp_path):
    """After the text that came before, when asking again did not help."""
    async with openai_client(tmp_path) as (client, provider):
        error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
        provider.script(*[Scripted(events=[*events([{"type": "text", "text": "Hel"}])[:4], error])] * 6)
        with pytest.raises(openai.APIError, match="Overloaded"):
            async for _ in await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
                pass


async def test_anthropics_sdk_is_relayed_byte_for_byte(tmp_path):
    """Fields that nothing here knows included; the key is the provider's, the version the client's."""
    async with anthropic_client(tmp_path) as (client, provider):
        provider.script(answers([{"type": "text", "text": "ok"}, {"type": "of_tomorrow", "x": 1}]))
        raw = await client.messages.with_raw_response.create(
            model=MODEL, max_tokens=9, messages=MESSAGES, extra_headers={"anthropic-beta": "b-1"}, service_tier="auto"
        )
        text = await raw.text()

    asked = provider.asked[0]
    assert '"of_tomorrow"' in text
    assert ("claude-sonnet-4-5", "auto") == (asked.json["model"], asked.json["service_tier"])
    version = raw.http_request.headers["anthropic-version"]
    assert ("key-1", version, "b-1") == tuple(asked.headers[name] for name in ("x-api-key", "anthropic-version", "anthropic-beta"))


async def test_anthropics_sdk_gets_a_stream_and_a_count(tmp_path):
    """Events in the provider's own order."""
    async with anthropic_client(tmp_path) as (client, provider):
        provider.script(says("Hello.", stream=True))
        async with client.messages.stream(model=MODEL, max_tokens=9, messages=MESSAGES) as stream:
            text = "".join([piece async for piece in stream.text_stream])
        count = await client.messages.count_tokens(model=MODEL, messages=MESSAGES)

    assert ("Hello.", 17) == (text, count.input_tokens)
    assert "/v1/messages/count_tokens" == provider.asked[1].path


async def test_the_older_prefix_works(tmp_path):
    """As an older server wrote it (4b6e9f2a-F1)."""
    async with openai_client(tmp_path) as (client, _):
        answer = await client.chat.completions.create(model="ahtnorpic:claude-sonnet-4-5", messages=MESSAGES)

    assert "Hello there." == answer.choices[0].message.content
