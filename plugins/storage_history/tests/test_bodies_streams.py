"""Streams, put together as the plain answers that say the same."""

import json

import pytest
from llmlb_storage_history.bodies.document import load
from llmlb_storage_history.bodies.events import document_of_stream


def sse(*events, end=b"data: [DONE]\n\n"):
    """Return a stream of *events*, with a heartbeat in front of it."""
    return b": beat\n\n" + b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + end


def chunk(delta, *, index=0, finish_reason=None, **members):
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [choice], **members}


def document(stream):
    return document_of_stream(stream, load)


def test_chat_is_joined_with_its_usage_and_finish_reason():
    """As ``stream: false`` would have answered."""
    stream = sse(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, finish_reason="stop"),
        {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [], "usage": {"total_tokens": 9}},
    )

    assert {
        "id": "c1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop", "logprobs": None}],
        "usage": {"total_tokens": 9},
    } == document(stream)


def test_choices_and_tool_calls_are_told_apart_by_index():
    """Arguments are joined; names and ids come whole."""
    stream = sse(
        chunk({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}, index=1),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]}, index=1),
        chunk({"content": "text"}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}, index=1),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}, index=1),
    )

    first, second = document(stream)["choices"]

    assert "text" == first["message"]["content"]
    assert [("a", "f", '{"x":1}'), ("b", "g", "{}")] == [
        (each["id"], each["function"]["name"], each["function"]["arguments"]) for each in second["message"]["tool_calls"]
    ]


def test_log_probabilities_and_reasoning_are_joined():
    """Lists without an index grow."""
    first, second = chunk({"reasoning_content": "a"}), chunk({"reasoning_content": "b"})
    first["choices"][0]["logprobs"] = {"content": [{"token": "x"}]}
    second["choices"][0]["logprobs"] = {"content": [{"token": "y"}]}

    (choice,) = document(sse(first, second))["choices"]

    assert ("ab", ["x", "y"]) == (choice["message"]["reasoning_content"], [each["token"] for each in choice["logprobs"]["content"]])


def test_completion_is_joined():
    """Its texts are the choices' own."""
    event = {"id": "t", "object": "text_completion", "created": 1, "model": "m"}
    stream = sse(
        {**event, "choices": [{"index": 0, "text": "one ", "finish_reason": None}]},
        {**event, "choices": [{"index": 0, "text": "two", "finish_reason": "length"}]},
    )

    assert {**event, "choices": [{"index": 0, "text": "one two", "finish_reason": "length"}]} == document(stream)


def response_events(*, ends):
    item = {"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    call = {"id": "j", "type": "function_call", "name": "f", "call_id": "k", "arguments": ""}
    response = {"id": "r", "object": "response", "model": "m", "status": "in_progress", "output": []}
    events = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hel"},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "lo"},
        {"type": "response.output_item.added", "output_index": 1, "item": call},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"a"'},
    ]
    if ends:
        done = {**response, "status": "completed", "output": [{"type": "message", "content": [{"text": "Hello"}]}]}
        events.append({"type": "response.completed", "response": {**done, "usage": {"total_tokens": 3}}})
    return [b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events]


def test_response_is_what_its_last_event_says():
    """It repeats the whole answer."""
    whole = document(b"".join(response_events(ends=True)))

    assert ("completed", "Hello", {"total_tokens": 3}) == (
        whole["status"],
        whole["output"][0]["content"][0]["text"],
        whole["usage"],
    )


def test_response_that_was_cut_is_kept_as_far_as_it_came():
    """Text and arguments of the items that were not done."""
    message, call = document(b"".join(response_events(ends=False)))["output"]

    assert [{"type": "output_text", "text": "Hello"}] == message["content"]
    assert ("assistant", "f", '{"a"') == (message["role"], call["name"], call["arguments"])


def test_errors_in_band_are_part_of_the_document():
    """Whatever came before them."""
    error = {"error": {"message": "gone", "code": "engine_failed"}}

    assert error["error"] == document(sse(chunk({"content": "a"}), error))["error"]
    assert error == document(sse(error))
    broken = document(b"".join(response_events(ends=False)) + sse({"type": "error", "code": "x", "message": "gone"}))
    assert {"code": "x", "message": "gone"} == broken["error"]


def test_unknown_stream_keeps_its_events():
    """A dialect that this plugin does not know loses nothing."""
    assert {"object": "stream", "events": [{"type": "ping"}, {"x": 1}]} == document(sse({"type": "ping"}, {"x": 1}))


def test_event_that_was_cut_is_left_out():
    """Wherever the stream was cut, what came before is there."""
    stream = sse(chunk({"content": "Hel"}), chunk({"content": "lo"}), end=b"")

    found = {document(stream[:size])["choices"][0]["message"]["content"] for size in range(200, len(stream))}

    assert {"Hel", "Hello"} == found


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_as_events_allow(end):
    """Three ways, and data over several lines."""
    stream = b'data: {"choices":\n' + b'data: [{"index": 0, "delta": {"content": "a"}}]}\n\n'

    assert "a" == document(stream.replace(b"\n", end))["choices"][0]["message"]["content"]


def test_stream_of_heartbeats_is_no_document():
    """The client left before the first event."""
    assert document(b": beat\n\n: beat\n\n") is None


@pytest.mark.parametrize("odd", [{"choices": 1}, {"choices": [1]}, {"choices": [{"index": "x", "delta": 2}]}, [], 5, "x", None])
def test_odd_events_break_nothing(odd):
    """An endpoint may send anything."""
    assert document(sse(chunk({"content": "a"}), odd))["choices"][0]["message"]["content"] == "a"


def test_halves_of_an_emoji_become_one():
    """Engines cut texts between bytes, not between characters."""
    from llmlb_storage_history.bodies.document import dump

    stream = b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\ndata: {"choices": [{"delta": {"content": "\\ude00"}}]}\n\n'

    assert "\N{GRINNING FACE}" == json.loads(dump(document(stream)))["choices"][0]["message"]["content"]


def message(*events):
    """Return a stream of events that have a type each."""
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events)


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
MESSAGE_START = {"type": "message_start", "message": {**MESSAGE, "usage": {"input_tokens": 5, "output_tokens": 1}}}


def begin(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index, **delta):
    return {"type": "content_block_delta", "index": index, "delta": delta}


def test_a_message_is_joined_block_by_block():
    """Thinking with its signature, text, arguments, the reason for the end and all usage."""
    stream = message(
        MESSAGE_START,
        begin(0, type="thinking", thinking="", signature=""),
        {"type": "ping"},
        piece(0, type="thinking_delta", thinking="Hm"),
        piece(0, type="thinking_delta", thinking="."),
        piece(0, type="signature_delta", signature="c2ln"),
        {"type": "content_block_stop", "index": 0},
        begin(1, type="text", text=""),
        piece(1, type="text_delta", text="Yes."),
        begin(2, type="tool_use", id="t", name="f", input={}),
        piece(2, type="input_json_delta", partial_json='{"x"'),
        piece(2, type="input_json_delta", partial_json=":1}"),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )

    assert {
        **MESSAGE,
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "text", "text": "Yes."},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 9},
    } == document(stream)


def test_a_message_that_was_cut_is_joined_as_far_as_it_came():
    """With the error that ended it; arguments stay text where they are no JSON yet."""
    stream = message(
        MESSAGE_START,
        begin(0, type="tool_use", id="t", name="f", input={}),
        piece(0, type="input_json_delta", partial_json='{"x"'),
        {"type": "error", "error": {"type": "api_error", "message": "gone"}},
    )

    joined = document(stream)

    assert ([{"type": "tool_use", "id": "t", "name": "f", "input": '{"x"'}], None) == (joined["content"], joined["stop_reason"])
    assert "gone" == joined["error"]["message"]
