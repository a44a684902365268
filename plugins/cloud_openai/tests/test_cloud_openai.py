"""OpenAI as a provider: clients of its own API byte for byte, clients of Anthropic's by translation; all against a strict fake."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anthropic
import openai
import pytest
from llmlb_testing.doors import open_doors
from llmlb_testing.providers.base import Scripted
from llmlb_testing.providers.openai import FakeOpenAI, calls

from llmlb_core.settings.load import load_settings

MODEL = "openai:gpt-a"
MESSAGES = [{"role": "user", "content": "hi"}]
TOOLS = [{"name": "weather", "description": "Of a town.", "input_schema": {"type": "object", "properties": {}}}]
CALLS = ("call_1", "weather", {"town": "Oslo"}), ("call_2", "weather", {"town": "Rome"})
TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = ["dialect_openai", "dialect_anthropic", "cloud_openai", "router_auto", "admission_fair"]
[dispatch]
back_off_s = 0.001
[clouds.openai]
base_url = "{url}"
api_key = {{ file = "key" }}
"""


@asynccontextmanager
async def clients(tmp_path):
    (tmp_path / "key").write_text("key-1")
    async with FakeOpenAI.open() as provider:
        (tmp_path / "llmlb.toml").write_text(TOML.format(url=provider.url))
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
        async with (
            open_doors(settings) as doors,
            openai.AsyncOpenAI(base_url=f"{doors.url}/v1", api_key="mine", max_retries=0) as own,
            anthropic.AsyncAnthropic(base_url=doors.url, api_key="mine", max_retries=0) as other,
        ):
            yield own, other, provider
        assert [] == provider.problems


async def test_openais_sdk_is_relayed(tmp_path):
    """Chat, stream and vectors, under the provider's own name of the model."""
    async with clients(tmp_path) as (client, _, provider):
        answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
        stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        vectors = await client.embeddings.create(model=MODEL, input="hi")

    assert ("Hello there.", "Hello there.", [1.0, 0.0]) == (answer.choices[0].message.content, text, vectors.data[0].embedding)
    assert {"gpt-a"} == {asked.json["model"] for asked in provider.asked}
    assert {"Bearer key-1"} == {asked.headers["authorization"] for asked in provider.asked}


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropics_sdk_walks_through_a_round_of_parallel_tools(tmp_path, stream):
    """Calls come as blocks, results go back, the next answer is a text."""
    async with clients(tmp_path) as (_, client, provider):
        provider.script(calls(*CALLS, stream=stream))
        asks = {"model": MODEL, "max_tokens": 99, "tools": TOOLS, "system": "Be brief."}
        if stream:
            async with client.messages.stream(**asks, messages=MESSAGES) as events:
                message = await events.get_final_message()
        else:
            message = await client.messages.create(**asks, messages=MESSAGES)
        blocks = [block for block in message.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": block.id, "content": "cold"} for block in blocks]
        again = [*MESSAGES, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
        answer = await client.messages.create(**asks, messages=again)

    assert ("tool_use", [{"town": "Oslo"}, {"town": "Rome"}]) == (message.stop_reason, [block.input for block in blocks])
    sent = provider.asked[1].json["messages"]
    assert ["system", "user", "assistant", "tool", "tool"] == [each["role"] for each in sent]
    assert ["call_1", "call_2"] == [each["tool_call_id"] for each in sent[3:]]
    assert ("Hello there.", "end_turn") == (answer.content[0].text, answer.stop_reason)
    assert (7, 3, 5) == (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens)


async def test_anthropics_sdk_is_given_an_estimate_of_tokens(tmp_path):
    """The provider has no such route for chats."""
    async with clients(tmp_path) as (_, client, provider):
        count = await client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "word " * 100}])

    assert 100 <= count.input_tokens <= 160
    assert [] == provider.asked


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
async def test_anthropics_sdk_raises_what_the_provider_says(tmp_path, status, error):
    """In its own classes."""
    async with clients(tmp_path) as (_, client, provider):
        provider.script(*[Scripted(status, provider.error(status, "too hot"))] * 5)
        with pytest.raises(error, match="too hot"):
            await client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES)
