"""Sealed thinking goes out and comes back character for character, whoever sealed it."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from llmlb_dialect_anthropic.dialect import AnthropicDialect
from llmlb_testing.answers import call_of

from llmlb_core import Delta, Thinking, ToolCallDelta

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
SEALS = st.text("abcXYZ019+/=:@_-", min_size=1, max_size=40)
OWN = st.builds(Thinking, st.just("anthropic"), st.just("thinking"), TEXTS, st.text("abcXYZ019+/=", min_size=1, max_size=40))
REDACTED = st.builds(Thinking, st.just("anthropic"), st.just("redacted_thinking"), st.just(""), st.text("abc019+/=", min_size=1))
FOREIGN = st.builds(Thinking, st.just("google"), st.sampled_from(["", "google_thought", "thought"]), st.just("") | TEXTS, SEALS)
BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}


def sent_back(deltas):
    """Write *deltas* as an answer, send it back as a client does, and return the message that is read."""
    dialect = AnthropicDialect()
    call = call_of(dialect, dialect.routes[0], json.dumps(BODY).encode())
    renderer = dialect.renderer(call, "m")
    for delta in (*deltas, Delta(text="said"), Delta(finish="stop")):
        renderer.feed(delta)
    said = {"role": "assistant", "content": json.loads(renderer.end())["content"]}
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "r"}
        for block in said["content"]
        if block["type"] == "tool_use"
    ]
    body = BODY | {"messages": [*BODY["messages"], said, {"role": "user", "content": [*results, {"type": "text", "text": "y"}]}]}
    return dialect.decode(dialect.routes[0], json.dumps(body).encode()).request.messages[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(OWN | REDACTED | FOREIGN, max_size=4))
def test_every_seal_comes_back(thinking):
    """In order, with its text, its kind and its provider."""
    deltas = [delta for each in thinking for delta in (Delta(reasoning=each.text), Delta(thinking=(each,)))]

    message = sent_back(deltas)

    assert tuple(thinking) == message.thinking
    assert "".join(each.text for each in thinking) == (message.reasoning or "")


@settings(max_examples=200, deadline=None)
@given(FOREIGN, st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()), st.booleans())
def test_a_seal_that_goes_with_a_call_finds_it_again(thinking, call_id, comes_late):
    """Whether it came with the call's first piece or with a later one."""
    first = ToolCallDelta(0, call_id, "f", "{", thinking=None if comes_late else thinking)
    second = ToolCallDelta(0, arguments="}", thinking=thinking if comes_late else None)

    message = sent_back([Delta(tool_calls=(first,)), Delta(tool_calls=(second,))])

    (call,) = message.tool_calls
    assert (call_id, Thinking(thinking.dialect, thinking.kind, "", thinking.seal)) == (call.id, call.thinking)
    assert () == message.thinking


def test_a_seal_of_a_call_that_is_gone_is_left_out():
    """Its call was cut off by the client."""
    message = sent_back([Delta(thinking=(Thinking("google", "k@nobody", "", "s"),))])

    assert () == message.thinking
    assert () == message.tool_calls
