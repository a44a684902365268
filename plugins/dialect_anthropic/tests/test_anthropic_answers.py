"""Answers: the same as one object and as events, valid by the SDK's types in both forms."""

from __future__ import annotations

import json

import pytest
from llmlb_dialect_anthropic.render.blocks import Blocks

from llmlb_core import Delta, Identity, Thinking, ToolCallDelta, Usage
from llmlb_core.errors import EngineFailed

USAGE = Delta(usage=Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=3, cache_written_tokens=2, reasoning_tokens=1))
DONE = (Delta(finish="stop"), USAGE)


def names(events):
    return [event["type"] for event in events]


def pieces(events):
    return [event["delta"] for event in events if event["type"] == "content_block_delta"]


def test_a_text_is_one_block(plain, stream):
    """From the start of the message to its end, in the documented order."""
    results = (Delta(text="Hel"), Delta(text="lo"), *DONE)

    answer, events = plain(*results), stream(*results)

    assert [("text", "Hello")] == [(block.type, block.text) for block in answer.content]
    assert ("end_turn", None, "served", "assistant") == (answer.stop_reason, answer.stop_sequence, answer.model, answer.role)
    assert [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ] == names(events)  # fmt: skip
    assert [{"type": "text_delta", "text": "Hel"}, {"type": "text_delta", "text": "lo"}] == pieces(events)
    assert answer.id[:4] == events[0]["message"]["id"][:4] == "msg_"


def test_prompt_tokens_are_told_apart_from_those_of_the_cache(plain, stream):
    """Their sum is what was read; ``message_delta`` tells all of them."""
    answer, events = plain(Delta(text="x"), *DONE), stream(Delta(text="x"), *DONE)

    for usage in (answer.usage.model_dump(), events[-2]["usage"]):
        assert (5, 3, 2, 4) == (
            usage["input_tokens"],
            usage["cache_read_input_tokens"],
            usage["cache_creation_input_tokens"],
            usage["output_tokens"],
        )
        assert {"thinking_tokens": 1} == usage["output_tokens_details"]


def test_usage_that_nobody_told_is_estimated(stream):
    """A client cannot do without; a delta with content is a token."""
    events = stream(Delta(text="a"), Delta(text="b"), Delta(finish="stop"))

    assert 2 == events[-2]["usage"]["output_tokens"]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (Delta(finish="stop"), ("end_turn", None)),
        (Delta(finish="stop", stop="END"), ("stop_sequence", "END")),
        (Delta(finish="length"), ("max_tokens", None)),
        (Delta(finish="tool_calls"), ("tool_use", None)),
        (Delta(finish="content_filter"), ("refusal", None)),
    ],
)
def test_why_it_ended_is_said_in_anthropics_words(plain, stream, last, expected):
    """In the object and in ``message_delta``."""
    answer, events = plain(Delta(text="x"), last, USAGE), stream(Delta(text="x"), last, USAGE)

    assert expected == (answer.stop_reason, answer.stop_sequence)
    assert expected == (events[-2]["delta"]["stop_reason"], events[-2]["delta"]["stop_sequence"])


def test_an_answer_that_says_nothing_has_no_blocks(plain, stream):
    """But a beginning and an end."""
    assert [] == plain(*DONE).content
    assert ["message_start", "ping", "message_delta", "message_stop"] == names(stream(*DONE))


def test_parallel_calls_have_a_block_each(plain, stream):
    """The next begins when the one before is whole; input is an object, and pieces of JSON in a stream."""
    results = (
        Delta(text="Let me see."),
        Delta(tool_calls=(ToolCallDelta(0, "call_1", "look_up", '{"q": '),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments='"x"}'), ToolCallDelta(1, "call_2", "now"))),
        Delta(finish="tool_calls"),
        USAGE,
    )

    answer, events = plain(*results), stream(*results)

    text, first, second = answer.content
    assert ("Let me see.", "look_up", {"q": "x"}, "call_1") == (text.text, first.name, first.input, first.id)
    assert ("now", {}, "call_2") == (second.name, second.input, second.id)
    begun = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [("text", {}), ("tool_use", {}), ("tool_use", {})] == [(block["type"], block.get("input", {})) for block in begun]
    assert '{"q": "x"}' == "".join(piece["partial_json"] for piece in pieces(events) if piece["type"] == "input_json_delta")
    assert [0, 0, 0, 1, 1, 1, 1, 2, 2] == [event["index"] for event in events if "index" in event]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("", {}), (" ", {}), ('{"a": 1', {"INVALID_JSON": '{"a": 1'}), ("[1]", {"INVALID_JSON": "[1]"}), ('{"a": 1}', {"a": 1})],
)
def test_arguments_that_are_no_object_are_wrapped(plain, arguments, expected):
    """As Anthropic's guide has it for JSON that a model wrote wrong."""
    answer = plain(Delta(tool_calls=(ToolCallDelta(0, "c", "f", arguments),)), Delta(finish="tool_calls"), USAGE)

    assert expected == answer.content[0].input


def test_a_call_that_goes_on_after_the_next_began_is_an_error(stream):
    """Its block has ended, and the client may run it already: wrong arguments are worse than none."""
    events = stream(
        Delta(tool_calls=(ToolCallDelta(0, "a", "f", "{"),)),
        Delta(tool_calls=(ToolCallDelta(1, "b", "g", "{}"),)),
        Delta(tool_calls=(ToolCallDelta(0, arguments="}"),)),
    )

    assert ("error", "api_error") == (events[-1]["type"], events[-1]["error"]["type"])


def test_thinking_that_was_never_sealed_has_an_empty_signature(plain, stream):
    """As that of local models."""
    results = (Delta(reasoning="Hm, "), Delta(reasoning="so."), Delta(text="Yes."), *DONE)

    answer, events = plain(*results), stream(*results)

    first, second = answer.content
    assert ("Hm, so.", "", "Yes.") == (first.thinking, first.signature, second.text)
    assert ["thinking_delta", "thinking_delta", "text_delta"] == [piece["type"] for piece in pieces(events)]


def test_sealed_thinking_keeps_its_seal(plain, stream):
    """Below its text, just before its block ends; one that is redacted is a block of its own."""
    sealed = Thinking("anthropic", "thinking", "Hm.", "c2ln+/==")
    redacted = Thinking("anthropic", "redacted_thinking", "", "ZGF0YQ==")
    results = (Delta(reasoning="Hm."), Delta(thinking=(sealed, redacted)), Delta(text="Yes."), *DONE)

    answer, events = plain(*results), stream(*results)

    first, second, _ = answer.content
    assert ("Hm.", "c2ln+/==", "ZGF0YQ==") == (first.thinking, first.signature, second.data)
    assert ["thinking_delta", "signature_delta", "text_delta"] == [piece["type"] for piece in pieces(events)]


def test_thinking_whose_text_was_not_streamed_is_written_with_its_seal(plain):
    """Also where there is no text at all."""
    answer = plain(
        Delta(thinking=(Thinking("anthropic", "thinking", "Hm.", "a"),)),
        Delta(thinking=(Thinking("anthropic", "thinking", "", "b"),)),
        *DONE,
    )

    assert [("Hm.", "a"), ("", "b")] == [(block.thinking, block.signature) for block in answer.content]


def test_thinking_that_is_to_be_omitted_has_a_seal_and_no_text(plain, stream):
    """``display``: the seal is needed to go on."""
    thinking = {"type": "adaptive", "display": "omitted"}
    results = (Delta(reasoning="Hm."), Delta(thinking=(Thinking("anthropic", "thinking", "Hm.", "a"),)), Delta(text="Yes."), *DONE)

    answer, events = plain(*results, thinking=thinking), stream(*results, thinking=thinking)

    assert ("", "a", "Yes.") == (answer.content[0].thinking, answer.content[0].signature, answer.content[1].text)
    assert ["signature_delta", "text_delta"] == [piece["type"] for piece in pieces(events)]


def test_other_choices_are_left_out(plain):
    """Anthropic's API has one."""
    assert ["a"] == [block.text for block in plain(Delta(text="a"), Delta(choice=1, text="b"), *DONE).content]


def test_an_answer_that_takes_over_goes_on_in_the_open_block(dialect, body):
    """Nothing is begun anew; the id is the one that the client has."""
    from llmlb_testing.answers import call_of

    call = call_of(dialect, dialect.routes[0], json.dumps(body | {"stream": True}).encode())
    renderer = dialect.renderer(call, "served")

    assert renderer.follow(Identity("msg_first", 0))
    written = renderer.feed(Delta(text="more")) + renderer.feed(Delta(finish="stop")) + renderer.end()

    assert "msg_first" == renderer.identity.id
    assert [b"content_block_delta", b"content_block_stop", b"message_delta", b"message_stop"] == [
        line[7:] for line in written.split(b"\n") if line.startswith(b"event: ")
    ]
    assert b'"index":0' in written


def test_blocks_are_closed_once():
    """Nothing is open at the end, so nothing is ended."""
    assert [] == Blocks().close()


def test_half_an_answer_is_no_answer(plain):
    """Without a reason for its end."""
    with pytest.raises(EngineFailed):
        plain(Delta(text="half an ans"))
