"""Whatever a model says arrives whole, and the same in both forms."""

from __future__ import annotations

import json

from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from llmlb_dialect_anthropic.dialect import AnthropicDialect
from llmlb_testing.answers import call_of, frames

from llmlb_core import Delta, Thinking, ToolCallDelta, Usage

BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
OBJECTS = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=3).map(json.dumps)
CALLS = st.lists(st.tuples(st.text("abc", min_size=1), OBJECTS, st.integers(0, 9)), max_size=3)
SPEECH = st.lists(
    st.builds(lambda text: Delta(text=text), WORDS)
    | st.builds(lambda text: Delta(reasoning=text), WORDS)
    | st.builds(lambda seal: Delta(thinking=(Thinking("anthropic", "redacted_thinking", "", seal),)), st.text("abc", min_size=1)),
    max_size=6,
)


def written(deltas, *, stream):
    """Write *deltas* and what ends them."""
    dialect = AnthropicDialect()
    call = call_of(dialect, dialect.routes[0], json.dumps(BODY | {"stream": stream}).encode())
    renderer = dialect.renderer(call, "m")
    results = [*deltas, Delta(finish="stop"), Delta(usage=Usage(3, 4))]
    return b"".join([renderer.feed(result) for result in results]) + renderer.end()


def put_together(stream: bytes) -> list[dict]:
    """Join events as clients do: by index, no block twice, none open at the end."""
    blocks: list[dict] = []
    open_block = None
    for frame in frames(stream):
        event = json.loads(frame["data"])
        if event["type"] == "content_block_start":
            assert (None, len(blocks)) == (open_block, event["index"])
            open_block = event["index"]
            blocks.append({**event["content_block"], "json": ""})
        elif event["type"] == "content_block_stop":
            assert open_block == event["index"]
            open_block = None
        elif event["type"] == "content_block_delta":
            assert open_block == event["index"]
            delta, block = event["delta"], blocks[-1]
            for kind, member in (("text", "text"), ("thinking", "thinking"), ("signature", "signature"), ("partial_json", "json")):
                block[member] = block.get(member, "") + delta[kind] if kind in delta else block.get(member, "")
    assert open_block is None
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["json"] or "{}")
    kept = {
        "text": ("text",),
        "thinking": ("thinking", "signature"),
        "redacted_thinking": ("data",),
        "tool_use": ("id", "name", "input"),
    }
    return [{"type": block["type"], **{name: block[name] for name in kept[block["type"]]}} for block in blocks]


@settings(max_examples=200, deadline=None)
@given(SPEECH, CALLS)
def test_streamed_and_plain_answers_are_the_same(speech, calls):
    """Every character, in the same blocks, valid by the SDK's type."""
    pieces = []
    for index, (name, arguments, at) in enumerate(calls):
        pieces.append(Delta(tool_calls=(ToolCallDelta(index, f"call_{index}", name, arguments[:at]),)))
        pieces.append(Delta(tool_calls=(ToolCallDelta(index, arguments=arguments[at:]),)))

    plain = written([*speech, *pieces], stream=False)
    streamed = put_together(written([*speech, *pieces], stream=True))

    assert json.loads(plain)["content"] == streamed
    Message.model_validate_json(plain, strict=True)
    assert [json.loads(arguments) for _, arguments, _ in calls] == [
        each["input"] for each in streamed if each["type"] == "tool_use"
    ]
    assert "".join(delta.text for delta in speech) == "".join(each["text"] for each in streamed if each["type"] == "text")
    assert "".join(delta.reasoning for delta in speech) == "".join(each.get("thinking", "") for each in streamed)
