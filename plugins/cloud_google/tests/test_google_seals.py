"""Thought signatures through a whole server: to clients of each dialect, and back to Google byte for byte."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anthropic
import openai
import pytest
from llmlb_testing.doors import open_doors
from llmlb_testing.providers.base import Scripted
from llmlb_testing.providers.google import GoogleProvider, event, response

from llmlb_core.settings.load import load_settings

TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = [
    "dialect_openai", "dialect_anthropic", "dialect_google", "cloud_google", "router_auto", "router_basic", "admission_fair",
]
"""
MODEL = "google:gemini-3.1-pro-preview"
HI = {"role": "user", "content": "How warm is it in x and y?"}
SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
CALL_SEAL, TEXT_SEAL = "c2lnbmF0dXJlIG9mIGEgY2FsbC8rPQ==", "c2lnbmF0dXJlIG9mIHRleHQ="
THOUGHT = {"text": "I look it up.", "thought": True}
CALLS = (
    {"functionCall": {"id": "g0", "name": "look", "args": {"at": "x"}}, "thoughtSignature": CALL_SEAL},
    {"functionCall": {"id": "g1", "name": "look", "args": {"at": "y"}}},
)
SAID = ({"text": "Warm."}, {"text": "", "thoughtSignature": TEXT_SEAL})


@asynccontextmanager
async def serving(tmp_path, monkeypatch, *answers):
    async with GoogleProvider.open() as google:
        monkeypatch.setenv("GOOGLE_API_KEY", "key-1")
        monkeypatch.setenv("GOOGLE_API_BASE_URL", google.url)
        google.script(*answers)
        (tmp_path / "llmlb.toml").write_text(TOML)
        async with open_doors(load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})) as doors:
            yield doors.url, google


def answers(stream):
    """Return calls, then text."""
    both = [(THOUGHT, *CALLS), SAID]
    if not stream:
        return [Scripted(document=response(*parts, finish="STOP")) for parts in both]
    return [
        Scripted(events=[*[event(response(part)) for part in parts[:-1]], event(response(parts[-1], finish="STOP"))])
        for parts in both
    ]


def seals(google):
    """Return the signatures in each request, with what they stand on."""
    return [
        [
            (next(name for name in ("functionCall", "text") if name in part), part["thoughtSignature"])
            for turn in each.json["contents"]
            for part in turn["parts"]
            if "thoughtSignature" in part
        ]
        for each in google.asked
        if each.method == "POST"
    ]


EXPECTED = [[], [("functionCall", CALL_SEAL)], [("functionCall", CALL_SEAL), ("text", TEXT_SEAL)]]


@pytest.mark.parametrize("stream", [False, True])
async def test_clients_of_anthropics_dialect_give_them_back(tmp_path, monkeypatch, stream):
    """As blocks that the client does not look into; thinking is asked for by a budget of tokens."""
    async with (
        serving(tmp_path, monkeypatch, *answers(stream)) as (url, google),
        anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0, timeout=20) as client,
    ):

        async def say(messages):
            more = {
                "model": MODEL,
                "max_tokens": 9000,
                "thinking": {"type": "enabled", "budget_tokens": 5000},
                "tools": [{"name": "look", "input_schema": SCHEMA}],
                "messages": messages,
            }
            if not stream:
                return await client.messages.create(**more)
            async with client.messages.stream(**more) as events:
                return await events.get_final_message()

        first = await say([HI])
        calls = [block for block in first.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21"} for call in calls]
        talk = [HI, {"role": "assistant", "content": given(first)}, {"role": "user", "content": results}]
        second = await say(talk)
        await client.messages.create(
            model=MODEL, max_tokens=9, messages=[*talk, {"role": "assistant", "content": given(second)}, HI]
        )

    assert ("tool_use", [("g0", {"at": "x"}), ("g1", {"at": "y"})]) == (
        first.stop_reason,
        [(each.id, each.input) for each in calls],
    )
    assert ["I look it up."] == [block.thinking for block in first.content if block.type == "thinking"]
    assert ("end_turn", "Warm.") == (second.stop_reason, "".join(each.text for each in second.content if each.type == "text"))
    assert (EXPECTED, []) == (seals(google), google.problems)
    assert {"thinkingLevel": "MEDIUM", "includeThoughts": True} == google.asked[0].json["generationConfig"]["thinkingConfig"]


def given(message):
    """Return the content as clients send it back: unsealed thinking has nothing to give."""
    return [block.model_dump(exclude_none=True) for block in message.content if getattr(block, "signature", True)]


@pytest.mark.parametrize("stream", [False, True])
async def test_clients_of_openais_responses_give_them_back(tmp_path, monkeypatch, stream):
    """As ``encrypted_content`` of items that the client does not look into."""
    async with (
        serving(tmp_path, monkeypatch, *answers(stream)) as (url, google),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=20) as client,
    ):
        tools = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]

        async def say(items):
            more = {"model": MODEL, "input": items, "tools": tools, "reasoning": {"effort": "low"}, "store": False}
            more["include"] = ["reasoning.encrypted_content"]
            if not stream:
                return await client.responses.create(**more)
            async with client.responses.stream(**more) as events:
                return await events.get_final_response()

        first = await say([HI])
        calls = [item for item in first.output if item.type == "function_call"]
        results = [{"type": "function_call_output", "call_id": call.call_id, "output": "21"} for call in calls]
        talk = [HI, *given_items(first), *results]
        second = await say(talk)
        await say([*talk, *given_items(second), HI])

    assert [("g0", "look"), ("g1", "look")] == [(call.call_id, call.name) for call in calls]
    assert ("Warm.", 6) == (second.output_text, first.usage.total_tokens)
    assert (EXPECTED, []) == (seals(google), google.problems)
    assert "LOW" == google.asked[0].json["generationConfig"]["thinkingConfig"]["thinkingLevel"]


def given_items(response):
    """Return the output as clients send it back."""
    return [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]


async def test_tokens_are_counted_by_google(tmp_path, monkeypatch):
    """With instructions and tools, for a client that asks so in its own dialect."""
    async with (
        serving(tmp_path, monkeypatch) as (url, google),
        anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0, timeout=20) as client,
    ):
        tools = [{"name": "look", "input_schema": SCHEMA}]
        counted = await client.messages.count_tokens(model=MODEL, messages=[HI], system="Be brief.", tools=tools)

    assert (31, []) == (counted.input_tokens, google.problems)
    assert {"model", "contents", "systemInstruction", "tools"} == set(google.asked[0].json["generateContentRequest"])


@pytest.mark.parametrize("stream", [False, True])
async def test_clients_of_openais_chat_give_them_back(tmp_path, monkeypatch, stream):
    """As Google documents it for its own compatible API: ``extra_content`` of calls; on text as a block of thinking."""
    async with (
        serving(tmp_path, monkeypatch, *answers(stream)) as (url, google),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=20) as client,
    ):
        tools = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]

        async def say(messages):
            answer = await client.chat.completions.create(
                model=MODEL, messages=messages, tools=tools, reasoning_effort="medium", stream=stream
            )
            return joined([chunk async for chunk in answer]) if stream else answer.choices[0].message.model_dump(exclude_none=True)

        first = await say([HI])
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "21"} for call in first["tool_calls"]]
        second = await say([HI, first, *results])
        await say([HI, first, *results, second, HI])

    assert [{"google": {"thought_signature": CALL_SEAL}}, None] == [call.get("extra_content") for call in first["tool_calls"]]
    assert "I look it up." == first["reasoning_content"]
    assert ("Warm.", [{"type": "google_thought", "thinking": "", "signature": TEXT_SEAL}]) == (
        second["content"],
        second["thinking_blocks"],
    )
    assert (EXPECTED, []) == (seals(google), google.problems)


def joined(chunks):
    """Return the message that the deltas of *chunks* come to."""
    message = {"role": "assistant", "content": ""}
    for delta in [chunk.choices[0].delta.model_dump(exclude_none=True) for chunk in chunks if chunk.choices]:
        for name in ("content", "reasoning_content"):
            if delta.get(name):
                message[name] = message.get(name, "") + delta[name]
        message.setdefault("thinking_blocks", []).extend(delta.get("thinking_blocks", ()))
        for call in delta.get("tool_calls", ()):
            calls = message.setdefault("tool_calls", [])
            if call["index"] == len(calls):
                calls.append({name: value for name, value in call.items() if name != "index"})
            else:
                told = call["function"].get("arguments", "")
                calls[call["index"]]["function"]["arguments"] += told
    return message
