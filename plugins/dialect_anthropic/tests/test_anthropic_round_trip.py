"""What one half writes the other half reads: canonical requests come back from a body as they went into it."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from llmlb_dialect_anthropic.dialect import AnthropicDialect
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect

from llmlb_core import ChatRequest, ImagePart, Message, ResponseFormat, Sampling, TextPart, Thinking, Tool, ToolCall, ToolChoice

MODEL = "claude-3-7-sonnet-20250219"
"""One that takes sampling parameters and a number of tokens to think with."""
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).map(TextPart)
IMAGES = st.sampled_from([ImagePart("data:image/png;base64,QQ=="), ImagePart("https://example/x.png")])
OBJECTS = st.dictionaries(st.text(max_size=4), st.integers(-99, 99) | st.text(max_size=4) | st.none() | st.booleans(), max_size=3)
SEALS = st.text("abcXYZ019+/=", min_size=1, max_size=40)
THINKING = st.builds(
    Thinking, st.just("anthropic"), st.just("thinking"), st.text(st.characters(codec="utf-8"), max_size=9), SEALS
) | st.builds(Thinking, st.just("anthropic"), st.just("redacted_thinking"), st.just(""), SEALS)
SCHEMA = '{"type":"object","properties":{"x":{"type":"integer"}}}'


@st.composite
def conversations(draw):
    """Draw turns of user and assistant, each call with its result."""
    messages = [Message("system", (draw(TEXTS),))] if draw(st.booleans()) else []
    messages.append(Message("user", tuple(draw(st.lists(TEXTS | IMAGES, min_size=1, max_size=3)))))
    for turn in range(draw(st.integers(0, 3))):
        thinking = tuple(draw(st.lists(THINKING, max_size=2)))
        arguments = draw(st.lists(OBJECTS, max_size=2))
        calls = tuple(ToolCall(f"toolu_{turn}_{at}", "f", orjson.dumps(each).decode()) for at, each in enumerate(arguments))
        reasoning = "".join(each.text for each in thinking) or None
        parts = tuple(draw(st.lists(TEXTS, min_size=0 if calls else 1, max_size=2)))
        messages.append(Message("assistant", parts, tool_calls=calls, reasoning=reasoning, thinking=thinking))
        for call in calls:
            result = tuple(draw(st.lists(TEXTS | IMAGES, max_size=2)))
            messages.append(Message("tool", result, tool_call_id=call.id, is_error=draw(st.booleans())))
        if not calls or draw(st.booleans()):
            messages.append(Message("user", (draw(TEXTS),)))
    return tuple(messages)


REQUESTS = st.builds(
    ChatRequest,
    messages=conversations(),
    sampling=st.builds(
        Sampling,
        temperature=st.none() | st.floats(0, 1),
        top_p=st.none() | st.floats(0, 1),
        top_k=st.none() | st.integers(0, 99),
        max_tokens=st.integers(1, 99_999),
    ),
    stop=st.lists(st.sampled_from(["a", "END", "\n\nx"]), unique=True).map(tuple),
    tools=st.sampled_from([(Tool("f", "does", SCHEMA, strict=True), Tool("g", None, SCHEMA))]),
    tool_choice=st.sampled_from([ToolChoice(), ToolChoice("required"), ToolChoice("required", ("f",)), ToolChoice("none")]),
    response_format=st.sampled_from([ResponseFormat(), ResponseFormat("json_schema", "output", SCHEMA, strict=True)]),
    user=st.none() | st.text(st.characters(codec="utf-8"), max_size=9),
)


def sent(request: ChatRequest, *, stream: bool = False) -> ChatRequest:
    """Write *request* for a server and read it as from a client."""
    dialect = AnthropicDialect()
    body = AnthropicServerDialect().encode(request, MODEL, stream=stream).body
    decoded = dialect.decode(dialect.routes[0], body)
    assert () == decoded.ignored
    assert isinstance(decoded.request, ChatRequest)
    return decoded.request


@settings(max_examples=300, deadline=None)
@given(REQUESTS, st.booleans())
def test_a_request_comes_back_as_it_went(request, stream):
    """Messages, images, calls, results, seals, sampling, tools, schema; nothing is lost and nothing is added."""
    assert request == sent(request, stream=stream)


@settings(max_examples=50, deadline=None)
@given(conversations(), st.integers(1024, 8000))
def test_a_number_of_tokens_to_think_with_comes_back(messages, tokens):
    """And none at all."""
    bounded = ChatRequest(messages=messages, sampling=Sampling(max_tokens=9000), thinking_tokens=tokens)
    silent = ChatRequest(messages=messages, sampling=Sampling(max_tokens=9000), thinking_tokens=0)

    assert (tokens, 0) == (sent(bounded).thinking_tokens, sent(silent).thinking_tokens)
