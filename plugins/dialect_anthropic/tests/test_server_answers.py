"""What Anthropic's servers answer, as results: transcripts in the shape of the public reference, whole and event by event.

Sources: "Messages", "Streaming messages", "Extended thinking" and "Errors" of Anthropic's API reference.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_dialect_anthropic.server.answer import MessageReader
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_testing.providers.anthropic import event, events, message

from llmlb_core import Delta, Thinking, Usage

TEXT = {"type": "text", "text": "Hello, wörld!"}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Oslo"}}
OTHER = {"type": "tool_use", "id": "toolu_2", "name": "news", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCgIYAhIM+/=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"}
USAGE = Usage(prompt_tokens=15, completion_tokens=5, cached_tokens=3, cache_written_tokens=2)


def read(data, *, is_stream):
    reader = MessageReader()
    if is_stream:
        for each in data:
            reader.read(each)
    else:
        reader.read_plain(json.dumps(data).encode())
    return reader


def told(content, stop_reason="end_turn", *, is_stream):
    reader = read(events(content, stop_reason) if is_stream else message(content, stop_reason), is_stream=is_stream)
    assert reader.is_finished
    assert not reader.is_open
    return reader.results


def text_of(results):
    return "".join(each.text for each in results)


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_text(is_stream):
    """Text, the reason why it ends, then tokens as they are counted here: what came from a cache was read, too."""
    results = told([TEXT], is_stream=is_stream)

    assert (TEXT["text"], "stop", USAGE) == (text_of(results), results[-2].finish, results[-1].usage)


@pytest.mark.parametrize("is_stream", [False, True])
def test_parallel_tool_calls(is_stream):
    """Each has its place among the calls, whatever stands between them."""
    results = told([TEXT, TOOL, OTHER], "tool_use", is_stream=is_stream)
    pieces = [piece for each in results for piece in each.tool_calls]

    assert [("toolu_1", "weather"), ("toolu_2", "news")] == [(piece.id, piece.name) for piece in pieces if piece.id]
    arguments = ["".join(piece.arguments for piece in pieces if piece.index == index) for index in (0, 1)]
    assert [{"town": "Oslo"}, {}] == [json.loads(each) for each in arguments]
    assert "tool_calls" == results[-2].finish


@pytest.mark.parametrize("is_stream", [False, True])
def test_thinking_is_read_and_sealed(is_stream):
    """Readable as it comes, then the block as a whole with its seal; a redacted one has nothing else."""
    results = told([THOUGHT, REDACTED, TEXT], is_stream=is_stream)

    assert "Let me see." == "".join(each.reasoning for each in results)
    assert [
        Thinking("anthropic", "thinking", THOUGHT["thinking"], THOUGHT["signature"]),
        Thinking("anthropic", "redacted_thinking", "", REDACTED["data"]),
    ] == [block for each in results for block in each.thinking]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("of_tomorrow", "stop"),
    ],
)
def test_why_an_answer_ends(reason, finish, is_stream):
    """Every reason of the reference, and one that is not there yet."""
    assert finish == told([TEXT], reason, is_stream=is_stream)[-2].finish


def test_the_stop_sequence_is_told():
    """Clients of the same API are shown it."""
    reader = read(events([TEXT], "stop_sequence", "END"), is_stream=True)

    assert "END" == reader.results[-2].stop


def test_a_count_is_usage_alone():
    """Nothing is to be seen in it."""
    reader = MessageReader()
    reader.read_plain(b'{"input_tokens": 2095}')

    assert [Delta(usage=Usage(prompt_tokens=2095))] == reader.results


@given(st.integers(min_value=0, max_value=40))
def test_a_cut_stream_is_never_finished(count):
    """Before the reason why it ends, nothing is whole."""
    whole = events([THOUGHT, TEXT, TOOL], "tool_use")
    cut = whole[: min(count, len(whole) - 3)]

    reader = read(cut, is_stream=True)

    assert (False, False) == (reader.is_finished, reader.ends(is_certain=True))


@pytest.mark.parametrize("pieces", [(), ("",), ("", "")])
def test_a_call_without_arguments_has_an_empty_object(pieces):
    """The API streams nothing for it, and clients of other dialects read JSON."""
    deltas = [event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": each}) for each in pieces]
    start = event("content_block_start", index=0, content_block={**OTHER, "input": {}})
    whole = events([], "tool_use")

    results = read([*whole[:2], start, *deltas, event("content_block_stop", index=0), *whole[2:]], is_stream=True).results

    assert "{}" == "".join(piece.arguments for each in results for piece in each.tool_calls)


def test_input_that_comes_with_the_beginning_of_a_call_is_taken():
    """Other servers of the dialect send it whole."""
    whole = events([], "tool_use")
    call = [event("content_block_start", index=0, content_block=TOOL), event("content_block_stop", index=0)]

    results = read([*whole[:2], *call, *whole[2:]], is_stream=True).results

    assert TOOL["input"] == json.loads("".join(piece.arguments for each in results for piece in each.tool_calls))


def test_what_follows_the_end_is_not_read():
    """An answer ends once."""
    whole = events([TEXT])
    late = event("error", error={"type": "api_error", "message": "late"})

    assert read(whole, is_stream=True).results == read([*whole, whole[-2], late], is_stream=True).results


@pytest.mark.parametrize(
    "odd",
    [
        event("of_tomorrow", index="first", delta=7, usage=[]),
        event("content_block_start", index=9, content_block={"type": "of_tomorrow", "text": None, "data": {}}),
        event("content_block_delta", index=9, delta={"type": "of_tomorrow_delta", "text": ["x"]}),
    ],
)
def test_what_is_not_known_yet_may_have_any_members(odd):
    """The reference asks clients to read over it."""
    whole = events([TEXT])

    reader = read([*whole[:2], odd, *whole[2:]], is_stream=True)

    assert (None, TEXT["text"]) == (reader.fault, text_of(reader.results))


def test_deep_nesting_is_a_fault_or_no_answer():
    """It ends neither the call of another nor the process."""
    deep = b'{"type":"message","content":[{"type":"tool_use","input":' + b"[" * 100_000

    assert None is not read([b"data: " + deep + b"\n\n"], is_stream=True).fault
    assert None is AnthropicServerDialect().read_refusal(400, {}, deep)
    with pytest.raises(ValueError, match="no message"):
        MessageReader().read_plain(deep)


def test_events_in_one_piece_are_the_same_as_one_by_one():
    """However the network cuts them."""
    whole = events([THOUGHT, TEXT, TOOL], "tool_use")

    assert read(whole, is_stream=True).results == read([b"".join(whole)], is_stream=True).results


def test_an_error_in_the_stream_is_a_fault_with_the_providers_words():
    """As an overloaded one has it."""
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    reader = read([*events([TEXT])[:4], error], is_stream=True)

    assert reader.fault is not None
    told = AnthropicServerDialect().read_refusal(500, {}, reader.fault.error)
    assert ("Overloaded", "overloaded_error", 529) == (told.message, told.type, told.status)


def test_what_is_not_known_yet_is_read_over():
    """New kinds of events, of blocks and of deltas."""
    odd = [
        event("of_tomorrow", x=1),
        event(
            "content_block_start", index=7, content_block={"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
        ),
        event("content_block_delta", index=7, delta={"type": "input_json_delta", "partial_json": "{}"}),
        event("content_block_delta", index=7, delta={"type": "citations_delta", "citation": {}}),
        event("content_block_stop", index=7),
    ]
    whole = events([TEXT])

    reader = read([*whole[:2], *odd, *whole[2:]], is_stream=True)

    assert (TEXT["text"], []) == (text_of(reader.results), [each for each in reader.results if each.tool_calls])


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: []\n\n", b'data: {"type": 5}\n\n', b"data: \xff\n\n"])
def test_an_event_that_is_none_is_a_fault(data):
    """Nothing follows it."""
    reader = read([events([TEXT])[0], data, *events([TEXT])[1:]], is_stream=True)

    assert ("malformed_event", False, []) == (reader.fault.code, reader.is_finished, reader.results)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "no message"),
        (b'{"type":"error","error":{}}', "'error' where 'message'"),
        (b'{"type":"message","content":[]}', "no stop_reason"),
        (b"[]", "no message"),
    ],
)
def test_a_plain_answer_that_is_none_is_told(body, words):
    """What was seen, and what was expected."""
    with pytest.raises(ValueError, match=words):
        MessageReader().read_plain(body)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data):
    """Neither in a stream nor as an error document."""
    MessageReader().read(b"data: " + data.replace(b"\n", b"") + b"\n\n")
    AnthropicServerDialect().read_refusal(400, {}, data)
    with pytest.raises(ValueError, match="answer"):
        MessageReader().read_plain(data)
