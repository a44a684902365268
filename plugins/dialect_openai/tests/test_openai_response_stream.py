"""Streamed responses: the order of events, their numbers and ids, and the SDK's reading of them."""

from __future__ import annotations

import json

import pytest

from llmlb_core import Delta, TokenLogprob, ToolCallDelta, TopLogprob, Usage
from llmlb_core.errors import EngineFailed, QueueTimeout

PATH = "/v1/responses"
USAGE = Usage(prompt_tokens=9, completion_tokens=4, cached_tokens=2, reasoning_tokens=1)
TOOL = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": True}


@pytest.fixture
def events(render, split_frames, strict_event):
    """Write a stream, read every event strictly, and check what holds for all streams."""

    def write(body, deltas):
        frames = split_frames(render(PATH, {"input": "hi", "stream": True, **body}, deltas))
        read = [strict_event(json.loads(data)) for _, data in frames]
        assert [event for event, _ in frames] == [event.type for event in read]
        assert list(range(len(read))) == [event.sequence_number for event in read]
        return read

    return write


def test_text_comes_in_the_documented_order(events):
    """The whole transcript of a text answer, with one item id and consistent indexes."""
    read = events({}, [Delta(text="Hel"), Delta(text="lo"), Delta(finish="stop"), Delta(usage=USAGE)])

    assert [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ] == [event.type for event in read]
    assert 1 == len({read[2].item.id, read[3].item_id, read[4].item_id, read[6].item_id, read[7].item_id, read[8].item.id})
    assert ("Hello", "Hello", "completed") == (read[6].text, read[7].part.text, read[8].item.status)
    response = read[-1].response
    assert read[0].response.id == response.id
    assert ("completed", "served", "Hello") == (response.status, response.model, response.output_text)
    assert (9, 2, 4, 1, 13) == (
        response.usage.input_tokens,
        response.usage.input_tokens_details.cached_tokens,
        response.usage.output_tokens,
        response.usage.output_tokens_details.reasoning_tokens,
        response.usage.total_tokens,
    )


def test_function_calls_are_items_of_their_own(events):
    """Reasoning, then text, then two calls: each is added, filled and done before the next."""
    deltas = [
        Delta(reasoning="hm"),
        Delta(text="ok"),
        Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", ""),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments='{"x":'),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments="1}"),)),
        Delta(tool_calls=(ToolCallDelta(1, "call_b", "add", "{}"),)),
        Delta(finish="tool_calls"),
    ]

    read = events({"tools": [TOOL]}, deltas)

    kinds = [event.type.removeprefix("response.") for event in read[2:]]
    item = ["output_item.added", "output_item.done"]
    reasoning = [item[0], "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", item[1]]
    text = [item[0], "content_part.added", "output_text.delta", "output_text.done", "content_part.done", item[1]]
    first = [item[0], *["function_call_arguments.delta"] * 2, "function_call_arguments.done", item[1]]
    second = [item[0], "function_call_arguments.delta", "function_call_arguments.done", item[1]]
    assert [*reasoning, *text, *first, *second, "completed"] == kinds
    output = read[-1].response.output
    assert ["reasoning", "message", "function_call", "function_call"] == [entry.type for entry in output]
    assert [("call_a", '{"x":1}'), ("call_b", "{}")] == [(entry.call_id, entry.arguments) for entry in output[2:]]
    assert [0, 1, 2, 3] == [event.output_index for event in read if event.type == "response.output_item.done"]
    assert "hm" == output[0].content[0].text


def test_a_full_context_ends_as_incomplete(events):
    """``length`` is ``response.incomplete`` with the reason, and so is its last item."""
    read = events({"max_output_tokens": 1}, [Delta(text="a"), Delta(finish="length")])

    assert ("response.incomplete", "max_output_tokens") == (read[-1].type, read[-1].response.incomplete_details.reason)
    assert ("incomplete", "incomplete") == (read[-1].response.status, read[-1].response.output[0].status)
    assert 1 == read[-1].response.max_output_tokens


def test_a_cut_stream_fails_in_band(events):
    """``error``, then ``response.failed``; nothing says completed."""
    read = events({}, [Delta(text="a")])

    assert ["error", "response.failed"] == [event.type for event in read[-2:]]
    assert "engine_failed" == read[-2].code
    assert ("failed", "server_error") == (read[-1].response.status, read[-1].response.error.code)


def test_an_error_before_any_event_still_begins_the_response(renderer_of, split_frames, strict_event):
    """A stream opened by a heartbeat can end as an error that the SDK's accumulator understands."""
    renderer = renderer_of(PATH, {"input": "hi", "stream": True})

    read = [strict_event(json.loads(data)) for _, data in split_frames(renderer.error(QueueTimeout("Waited 60 s for a slot.")))]

    assert ["response.created", "response.in_progress", "error", "response.failed"] == [event.type for event in read]


def test_logprobs_come_when_included(events):
    """Events have token and value; the finished part has bytes too."""
    entry = TokenLogprob("H", -0.5, (72,), (TopLogprob("H", -0.5, (72,)),))
    body = {"include": ["message.output_text.logprobs"], "top_logprobs": 1}

    read = events(body, [Delta(text="H", logprobs=(entry,)), Delta(text="i"), Delta(finish="stop")])

    delta = next(event for event in read if event.type == "response.output_text.delta")
    assert [("H", -0.5, "H")] == [(e.token, e.logprob, e.top_logprobs[0].token) for e in delta.logprobs]
    assert [72] == read[-1].response.output[0].content[0].logprobs[0].bytes


def test_an_empty_answer_is_an_empty_message(events):
    """A model that says nothing still has an output item."""
    read = events({}, [Delta(finish="stop")])

    assert "" == read[-1].response.output_text
    assert "message" == read[-1].response.output[0].type


def test_a_piece_of_a_finished_call_is_an_engine_failure(renderer_of):
    """Items that are done are never written to."""
    renderer = renderer_of(PATH, {"input": "hi", "stream": True})
    renderer.feed(Delta(tool_calls=(ToolCallDelta(0, "a", "add"), ToolCallDelta(1, "b", "add"))))

    with pytest.raises(EngineFailed, match="was over"):
        renderer.feed(Delta(tool_calls=(ToolCallDelta(0, arguments="{}"),)))


def test_sdk_stream_helper_gives_the_final_response(sdk):
    """The SDK's own accumulator accepts text and calls."""
    deltas = [Delta(text="é"), Delta(tool_calls=(ToolCallDelta(0, "call_a", "add", "{}"),)), Delta(finish="tool_calls")]

    with sdk(deltas).responses.stream(model="m", input="hi", tools=[TOOL]) as stream:
        response = stream.get_final_response()

    assert ("é", "call_a") == (response.output_text, response.output[1].call_id)
