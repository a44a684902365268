"""Any conversation, any answer, any bytes."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from llmlb_dialect_google.dialect import GoogleDialect
from llmlb_dialect_google.encode.contents import UNSEALED
from llmlb_testing.providers.google import event, request_problems, response
from llmlb_testing.strategies import json_values

from llmlb_core import ChatRequest, ImagePart, Message, Sampling, TextPart, Thinking, Tool, ToolCall

DIALECT = GoogleDialect()
MODELS = st.sampled_from(["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3.1-pro-preview", "gemini-flash-latest"])
seals = st.binary(min_size=1, max_size=24).map(lambda data: base64.b64encode(data).decode())
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = words.map(TextPart)
images = seals.map(lambda data: ImagePart(f"data:image/png;base64,{data}"))
arguments = st.dictionaries(words, st.integers() | words, max_size=3).map(json.dumps)


@st.composite
def steps(draw):
    """The model calls tools, some with seals, and they answer."""
    count = draw(st.integers(1, 3))
    ids = [draw(st.uuids()).hex for _ in range(count)]
    calls = tuple(
        ToolCall(call_id, draw(st.sampled_from(["look", "find"])), draw(arguments), draw(st.none() | sealed(st.just(""))))
        for call_id in ids
    )
    answers = [Message("tool", (draw(texts),), tool_call_id=call_id, is_error=draw(st.booleans())) for call_id in ids]
    return [Message("assistant", draw(st.tuples(texts)), tool_calls=calls), *answers]


def sealed(text):
    return st.builds(Thinking, st.just("google"), st.just("google_thought"), text, seals)


conversations = st.lists(
    st.one_of(
        st.lists(texts | images, min_size=1, max_size=3).map(lambda parts: [Message("user", tuple(parts))]),
        st.builds(
            lambda text, thinking: [Message("assistant", (text,), thinking=tuple(thinking))],
            texts,
            st.lists(sealed(words) | st.builds(Thinking, st.just("anthropic"), st.just("thinking"), words, seals), max_size=3),
        ),
        texts.map(lambda text: [Message("system", (text,))]),
        steps(),
    ),
    min_size=1,
    max_size=5,
).map(lambda groups: tuple(message for group in groups for message in group))


@given(conversations, MODELS, st.booleans())
def test_any_conversation_is_valid_and_nothing_of_it_is_lost(messages, model, stream):
    """What was said, by whom, in which order; seals byte for byte, and none that is another's."""
    request = ChatRequest(messages=messages, sampling=Sampling(max_tokens=5), tools=(Tool("look"), Tool("find")))

    encoded = DIALECT.encode(request, model, stream=stream)
    path, _, query = encoded.path.partition("?")
    name, _, method = path[1:].rpartition(":")
    body = json.loads(encoded.body)

    parts = [(turn["role"], part) for turn in body["contents"] for part in turn["parts"]]
    assert [] == list(request_problems(name, method, query, body))
    others = [message for message in messages if message.role != "system"] or messages
    assert _texts(others) == "".join(part.get("text", "") for _, part in parts if not part.get("thought"))
    assert _seals(messages) == sorted(
        part["thoughtSignature"] for _, part in parts if part.get("thoughtSignature", UNSEALED) != UNSEALED
    )
    calls = [call for message in messages for call in message.tool_calls]
    sent = [part["functionCall"] for _, part in parts if "functionCall" in part]
    assert [(call.id, call.name, json.loads(call.arguments)) for call in calls] == [
        (call["id"], call["name"], call["args"]) for call in sent
    ]
    assert all(call.arguments.encode() in encoded.body for call in calls)
    assert [call.id for call in calls] == [part["functionResponse"]["id"] for _, part in parts if "functionResponse" in part]


def _texts(messages):
    return "".join(message.text for message in messages if message.role != "tool")


def _seals(messages):
    found = [each.seal for message in messages for each in message.thinking if each.dialect == "google"]
    found += [call.thinking.seal for message in messages for call in message.tool_calls if call.thinking is not None]
    return sorted(found)


said = st.one_of(
    words.map(lambda text: {"text": text}),
    st.builds(lambda text, seal: {"text": text, "thoughtSignature": seal}, words, seals),
    st.builds(lambda text: {"text": text, "thought": True}, words),
    st.builds(lambda text, seal: {"text": text, "thought": True, "thoughtSignature": seal}, words, seals),
    st.builds(
        lambda text, seal: {"functionCall": {"name": text, "id": seal, "args": {"a": text}}, "thoughtSignature": seal}, words, seals
    ),
)


@given(st.lists(said, max_size=8), st.data())
def test_streamed_or_plain_an_answer_is_the_same_and_its_seals_come_back(parts, data):
    """However it is cut into events and reads; sent back, every seal is there as it was."""
    finished = {"finish": "STOP"}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=3)))
    pieces = [parts[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(parts)], strict=True)]
    events = [event(response(*piece)) for piece in pieces[:-1]] + [event(response(*pieces[-1], **finished))]
    stream, plain = (DIALECT.answer(ChatRequest(messages=()), stream=each) for each in (True, False))

    if data.draw(st.booleans()):
        stream.read(b"".join(events))
    else:
        for each in events:
            stream.read(each)
    plain.read_plain(json.dumps(response(*parts, **finished)).encode())

    assert plain.results == stream.results
    assert stream.is_finished
    message = _message(stream.results)
    assert sorted(part["thoughtSignature"] for part in parts if "thoughtSignature" in part) == _seals([message])
    encoded = DIALECT.encode(ChatRequest(messages=(Message("user", (TextPart("q"),)), message)), "gemini-2.5-flash", stream=False)
    assert all(seal in encoded.body.decode() for seal in _seals([message]))


def _message(results):
    calls = [call for result in results for call in result.tool_calls]
    return Message(
        "assistant",
        (TextPart("".join(result.text for result in results)),),
        tool_calls=tuple(ToolCall(call.id or "", call.name or "", call.arguments, call.thinking) for call in calls),
        thinking=tuple(each for result in results for each in result.thinking),
    )


documents = json_values | st.fixed_dictionaries(
    {}, optional={"candidates": json_values, "usageMetadata": json_values, "promptFeedback": json_values, "error": json_values}
)


@given(st.lists(st.binary(max_size=30) | documents.map(lambda document: json.dumps(document).encode()), max_size=4))
def test_no_bytes_make_a_reader_raise(chunks):
    """What is not understood is a fault, or an error that says so."""
    reader = DIALECT.answer(ChatRequest(messages=()), stream=True)
    for chunk in chunks:
        reader.read(b"data: " + chunk + b"\n\n")
        DIALECT.read_refusal(400, {}, chunk)
        with suppress(ValueError):
            DIALECT.answer(ChatRequest(messages=()), stream=False).read_plain(chunk)
    assert reader.is_flowing == (reader.fault is None and not reader.is_finished)
