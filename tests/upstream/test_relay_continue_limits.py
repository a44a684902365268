"""Rule 7, *continue*: what is not continued, and gets the error in band as ever."""

from __future__ import annotations

import asyncio

import pytest
from llmlb_testing.upstream import END_MARK, chunk, delta, finish, sse_head

from llmlb_core.domain.kept_text import KEPT_TEXT_BYTES

from .conftest import chat, measured
from .test_relay_continues import OUT, STREAM, Server, broken, opened, text_of

__all__ = ["opened"]  # the fixture


ODD = {
    "reasoning": b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"so"}}]}\n\n',
    "a tool call": b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f"}}]}}]}\n\n',
    "a second choice": b'data: {"choices":[{"index":1,"delta":{"content":"x"}}]}\n\n',
    "a tag of reasoning": delta("</think> so"),
    "a space at its end": delta(" "),
    "what nobody knows": b'data: {"choices":[{"index":0,"delta":{"audio":{"id":"x"}}}]}\n\n',
    "a finish reason": finish(),
    "a zero character": delta("\0"),
}


@pytest.mark.parametrize("more", ODD.values(), ids=ODD)
async def test_rule_7_answers_that_are_more_than_text_are_not_continued(opened, more):
    """What is out could not be given to a server so that it means the same there."""
    has_it = asyncio.Event()

    async def breaking(visit):
        visit.send(sse_head(), chunk(delta("The") + more))
        async with asyncio.timeout(10):
            await has_it.wait()
        visit.reset()

    second = Server()
    front = await opened(breaking, second)

    call = await front.open(chat(stream=True, stream_options={"include_usage": True}))
    await call.holds(more)
    has_it.set()
    await call.ended()

    assert (1, 0) == (call.body.count(b'"error"'), call.body.count(b"[DONE]"))
    assert [] == second.continued
    await front.idle()
    assert 0 == front.house.pipeline.resume.stats.texts.size


@pytest.mark.parametrize("size", [KEPT_TEXT_BYTES - 10, KEPT_TEXT_BYTES + 1])
async def test_rule_7_text_is_kept_up_to_a_bound(opened, size):
    """Beyond it nothing goes on with it, which is counted."""
    has_it, given = asyncio.Event(), []

    async def breaking(visit):
        visit.send(sse_head(), *(chunk(delta("x" * (size // 4))) for _ in range(4)), chunk(delta("x" * (size % 4) + "!")))
        async with asyncio.timeout(10):
            await has_it.wait()
        visit.reset()

    async def second(visit):
        if visit.json.get("continue_final_message"):
            given.append(visit.json["messages"][-1]["content"])
        visit.send(sse_head(), chunk(delta(" end")), chunk(finish()), chunk(END_MARK), chunk(b""))

    front = await opened(breaking, second)

    call = await front.open(STREAM)
    await call.holds(b"!")
    has_it.set()
    await call.ended()

    is_kept = size < KEPT_TEXT_BYTES
    assert ["x" * size + "!"] * is_kept == given
    assert {("request",): 0, ("text",): int(not is_kept)} == measured(front, "streams_not_kept")


@pytest.mark.parametrize("options", [{"kind": "sglang"}, {"version": None}, {"settings": "continue_streams = false"}], ids=str)
async def test_rule_7_nothing_is_guessed(opened, options):
    """A kind that does not document it, a version that nobody knows, an operator who does not want it."""
    first, second = Server(3), Server()
    front = await opened(first, second, **options)

    call = await broken(front, (first, 3))

    assert (1, [], 0) == (call.body.count(b'"error"'), second.continued, front.house.pipeline.resume.stats.texts.size)


DECLINED = {
    "n": {"n": 2},
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "a format": {"response_format": {"type": "json_object"}},
    "log probabilities": {"logprobs": True},
    "stop": {"stop": ["on"]},
    "least tokens": {"min_tokens": 5},
    "a penalty": {"frequency_penalty": 0.5},
    "its own member": {"continue_final_message": False},
    "a member that nobody knows": {"guided_regex": ".*"},
    "few tokens": {"max_tokens": 11},
}


@pytest.mark.parametrize("members", DECLINED.values(), ids=DECLINED.keys())
async def test_rule_7_what_could_get_another_answer_is_not_continued(opened, members):
    """One error in band as ever, after what was delivered."""
    first, second = Server(3), Server()
    front = await opened(first, second)

    call = await broken(front, (first, 3), body=chat(stream=True, **members))

    assert ("".join(OUT), 1, 0) == (text_of(call.body), call.body.count(b'"error"'), call.body.count(b"[DONE]"))
    assert [] == second.continued
