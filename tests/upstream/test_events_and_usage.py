"""Whole events out of any pieces; tokens out of answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.domain.results import Usage
from llmlb_core.upstream.events import EventTooLarge, PartialEvent
from llmlb_core.upstream.usage import MalformedAnswer, told_usage, usage_at_end, usage_of_answer

PIECES = st.lists(
    st.sampled_from([b"data: x", b": c", b"\n", b"\r\n", b"\r", b"", b"event: y", b"\n\n", b"id", b"\r\n\r\n"]), max_size=60
)
CHAT = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
DETAILS = {**CHAT, "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}}
RESPONSES = {
    "input_tokens": 7,
    "output_tokens": 5,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens_details": {"reasoning_tokens": 2},
}

# Input tokens without those of the cache; another gateway may tell their sum beside them.
ANTHROPIC = {
    "input_tokens": 7,
    "output_tokens": 5,
    "cache_read_input_tokens": 6,
    "cache_creation_input_tokens": 2,
    "cache_creation": {"ephemeral_5m_input_tokens": 2},
    "output_tokens_details": {"thinking_tokens": 3},
}


@given(PIECES)
def test_whatever_the_pieces_all_bytes_come_out_in_order(pieces):
    """Nothing is lost, added or moved, and what comes out ends with a blank line."""
    partial = PartialEvent()

    out = [partial.add(piece) for piece in pieces]

    rest = partial.take()
    assert b"".join(pieces) == b"".join(out) + rest
    assert all(whole.endswith((b"\n\n", b"\r\r", b"\n\r\n")) for whole in out if whole)


@given(
    st.lists(st.sampled_from([b"data: x", b": c", b"id: 1"]), min_size=1, max_size=8), st.sampled_from([b"\n", b"\r\n"]), st.data()
)
def test_no_whole_event_is_held_back(lines, end, data):
    """Cut anywhere, as many events are out as are whole."""
    stream = b"".join(line + end + end for line in lines)
    at = data.draw(st.integers(0, len(stream)))
    partial = PartialEvent()

    out = partial.add(stream[:at])

    assert stream[: stream.rfind(end + end, 0, at) + 2 * len(end) if end + end in stream[:at] else 0] == out


def test_an_event_that_does_not_end_is_too_large():
    """Within one piece, and over many."""
    partial = PartialEvent()

    partial.add(b"x" * 4_000_000)

    with pytest.raises(EventTooLarge):
        partial.add(b"x" * 400_000)


def test_many_small_pieces_cost_little():
    """A million of them: linear."""
    partial = PartialEvent()

    for _ in range(1_000_000):
        partial.add(b"x")

    assert b"x" * 1_000_000 + b"\n\n" == partial.add(b"\n\n")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (CHAT, Usage(7, 5)),
        (DETAILS, Usage(7, 5, cached_tokens=3, reasoning_tokens=2)),
        (RESPONSES, Usage(7, 5, cached_tokens=3, reasoning_tokens=2)),
        ({"prompt_tokens": 7, "total_tokens": 7}, Usage(7, 0)),
        ({**CHAT, "prompt_tokens_details": None, "vendor": {"deep": [1]}}, Usage(7, 5)),
        (ANTHROPIC, Usage(15, 5, cached_tokens=6, cache_written_tokens=2, reasoning_tokens=3)),
        ({**ANTHROPIC, "prompt_tokens": 15}, Usage(15, 5, reasoning_tokens=3)),
        ({**CHAT, "prompt_tokens": -1}, None),
        ({**CHAT, "prompt_tokens": 10**30}, None),
        ({**CHAT, "prompt_tokens": "7"}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_is_read(told, expected):
    """From a plain answer, its tail, and a decoded event of a stream; nonsense is none."""
    document = {"id": "x", "choices": [{"text": 'a "prompt_tokens": 99 data: b'}], "usage": told}

    assert expected == usage_of_answer(json.dumps(document).encode())
    assert expected == told_usage(told)
    assert expected == usage_at_end(json.dumps(document).encode()[-300:])


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b'"x"', b"{}x", b'{"usage":{}', b"\xff", b'{"x":"\xff"}'])
def test_what_is_no_json_object_is_malformed(document):
    """However it is broken."""
    with pytest.raises(MalformedAnswer):
        usage_of_answer(document)


@pytest.mark.parametrize("document", [b'{"error":{"message":"no"}}', b'{"error":"no"}'])
def test_an_error_that_is_called_a_success_is_no_answer(document):
    """Some gateways answer 200 whatever happens."""
    with pytest.raises(MalformedAnswer, match="200 with an error"):
        usage_of_answer(document)


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_usage_fail(data):
    """The answer is passed on, whatever it says."""
    usage_at_end(b'"usage":{' + data + b"}")


def test_an_answer_with_nan_is_an_answer():
    """Python's servers write it, and clients' readers take it; what is cut is still none."""
    assert usage_of_answer(b'{"data":[{"embedding":[NaN,-Infinity]}]}') is None

    with pytest.raises(MalformedAnswer):
        usage_of_answer(b'{"data":[{"embedding":[NaN,-Infinity')
    with pytest.raises(MalformedAnswer):
        usage_of_answer(b"[NaN]")
