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
async def test_clients_of_openais_responses_are_answered(tmp_path, monkeypatch, stream):
    """Text, calls and usage."""
    async with (
        serving(tmp_path, monkeypatch, *answers(stream)) as (url, google),
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=20) as client,
    ):
        tools = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
        if stream:
            async with client.responses.stream(model=MODEL, input="How warm?", tools=tools, reasoning={"effort": "low"}) as events:
                first = await events.get_final_response()
        else:
            first = await client.responses.create(model=MODEL, input="How warm?", tools=tools, reasoning={"effort": "low"})

    calls = [item for item in first.output if item.type == "function_call"]
    assert [("g0", "look"), ("g1", "look")] == [(call.call_id, call.name) for call in calls]
    assert (6, []) == (first.usage.total_tokens, google.problems)
    assert "LOW" == google.asked[0].json["generationConfig"]["thinkingConfig"]["thinkingLevel"]
