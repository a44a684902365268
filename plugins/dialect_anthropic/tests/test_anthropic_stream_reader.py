"""Streams of servers that speak the API, read while they pass: what is content, what is an end, what is a fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_dialect_anthropic.stream.reader import EventReader

from llmlb_core import DIFFERS, Usage, split_events

GOLDEN = Path(__file__).parent / "golden"
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "usage": {"input_tokens": 5}}


def event(kind: str, **members: object) -> bytes:
    """Return one event."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps({"type": kind, **members}).encode())


def text(words: str, index: int = 0) -> bytes:
    """Return a step of text."""
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": words})


START = event("message_start", message=MESSAGE)
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
BLOCK_END = event("content_block_stop", index=0)
ENDING = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 3})
STOP = event("message_stop")
PING = event("ping")


def whole(*words: str) -> list[bytes]:
    """Return a stream of text."""
    return [START, BLOCK, PING, *map(text, words), BLOCK_END, ENDING, STOP]


def read(events: list[bytes], reader: EventReader | None = None) -> tuple[bytes, EventReader]:
    """Feed *events* one by one."""
    reader = reader or EventReader()
    return b"".join([reader.read(each) for each in events]), reader


@pytest.mark.parametrize(
    ("name", "usage", "said"),
    [
        ("relayed_text", Usage(25, 15), "Hello!"),
        ("relayed_tools", Usage(592, 89, cached_tokens=100, cache_written_tokens=20), None),
        ("relayed_thinking", Usage(40, 60, reasoning_tokens=40), None),
    ],
)
def test_documented_streams_pass_unchanged(name, usage, said):
    """In single events and all at once; whole at ``message_stop``, not before; usage is that of its end."""
    stream = (GOLDEN / f"{name}.sse").read_bytes()
    events = [each for each, _ in split_events(stream)]

    passed, one_by_one = read(events)
    at_once, other = read([stream])
    _, cut = read(events[:-1])

    for reader in (one_by_one, other):
        assert (True, None, usage) == (reader.is_finished, reader.fault, reader.usage)
        assert (said is not None) == reader.is_comparable
    assert stream == passed == at_once
    assert not cut.is_finished
    assert one_by_one.transcript.digest == other.transcript.digest


def test_the_beginning_is_no_content():
    """Nothing that a client could notice: the call may be tried elsewhere."""
    _, reader = read([START, BLOCK, PING])

    assert (False, "msg_1") == (reader.has_content, reader.identity.id)


@pytest.mark.parametrize(
    "content",
    [
        text("a"),
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "a"}),
        event("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        event("content_block_start", index=0, content_block={"type": "redacted_thinking", "data": "a"}),
        ENDING,
    ],
)
def test_what_a_client_can_notice_is_content(content):
    """Text, thinking, a call, an end."""
    _, reader = read([START, BLOCK, content])

    assert reader.has_content


def test_an_error_event_is_a_fault_in_the_servers_words():
    """It is not passed on by itself: another server may be tried."""
    told = event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    passed, reader = read([START, BLOCK, told])

    assert START + BLOCK == passed
    assert ("upstream_error", told) == (reader.fault.code, reader.fault.last_words)
    assert "Overloaded" == json.loads(reader.fault.error)["error"]["message"]


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b"\xff"])
def test_what_is_no_json_object_is_a_fault(data):
    """The stream is of no use from there on."""
    passed, reader = read([*whole("a")[:4], b"data: " + data + b"\n\n", text("b")])

    assert "malformed_event" == reader.fault.code
    assert passed.endswith(text("a"))


def test_a_message_that_stops_without_a_reason_is_cut():
    """However politely."""
    _, reader = read([START, BLOCK, text("a"), BLOCK_END, STOP])

    assert not reader.is_finished
    assert "stop reason" in reader.fault.problem


def test_a_missing_end_mark_is_written():
    """Where the connection ended as it should, behind a reason for the end."""
    _, reader = read(whole("a")[:-1])

    assert (False, True) == (reader.ends(is_certain=False), reader.ends(is_certain=True))
    assert b"message_stop" in reader.end()
    assert b"" == reader.end()


def test_nothing_follows_the_end():
    """Whatever a server still sends."""
    passed, _ = read([*whole("a"), text("more")])

    assert b"".join(whole("a")) == passed


def test_events_that_are_newer_than_this_pass():
    """The reference asks clients to read over them."""
    news = event("weather_report", sunny=True)

    passed, reader = read([START, news, BLOCK, text("a")])

    assert news in passed
    assert reader.fault is None


def test_the_end_of_a_block_waits_for_what_follows():
    """So that what was delivered is within its block, and another answer can go on there."""
    passed, reader = read([START, BLOCK, text("a"), BLOCK_END])

    assert START + BLOCK + text("a") == passed
    assert reader.is_comparable


def test_another_answer_takes_over_where_the_first_broke():
    """What was delivered is held back, wherever its pieces end; the rest is new."""
    first = read([START, BLOCK, text("one tw"), BLOCK_END])[1]
    second = EventReader()

    assert second.follow(first.transcript, first.identity)
    passed, _ = read(whole("one", " two", " three"), second)

    deltas = [json.loads(data) for _, data in split_events(passed) if data and b"text_delta" in data]
    assert ["o", " three"] == [each["delta"]["text"] for each in deltas]
    assert b"message_start" not in passed
    assert b"content_block_start" not in passed
    assert passed.endswith(BLOCK_END + ENDING + STOP)
    assert ("msg_1", True) == (second.identity.id, second.is_finished)


@pytest.mark.parametrize(
    "other",
    [
        [START, BLOCK, text("one else")],
        [START, BLOCK, text("one"), BLOCK_END, ENDING],
        [START, event("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}})],
        [START, event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "one two"})],
    ],
)
def test_another_answer_that_differs_is_a_fault(other):
    """Other words, fewer, or no words."""
    first = read([START, BLOCK, text("one two")])[1]
    second = EventReader()
    second.follow(first.transcript, first.identity)

    read(other, second)

    assert DIFFERS == second.fault.code


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=8), st.data())
def test_a_replay_brings_exactly_the_rest(words, data):
    """Wherever the first answer broke, and however the second one is cut."""
    said = "".join(words)
    at = data.draw(st.integers(1, len(said)))
    first = read([START, BLOCK, text(said[:at])])[1]
    second = EventReader()
    second.follow(first.transcript, first.identity)

    passed, _ = read(whole(*words), second)

    rest = "".join(json.loads(each)["delta"]["text"] for _, each in split_events(passed) if each and b"text_delta" in each)
    assert (said[at:], None) == (rest, second.fault)
