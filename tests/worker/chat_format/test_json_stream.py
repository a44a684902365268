from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.worker.chat_format.json_stream import MemberScanner, ValueScanner

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('ab"\\{}[]:,é😀'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a"\\}', max_size=3), inner, max_size=3),
    max_leaves=8,
)
lengths_of_pieces = st.lists(st.integers(1, 5), min_size=1)


@given(values, st.sampled_from([None, 2]), lengths_of_pieces)
def test_value_ends_where_json_ends(cut, value, indent, lengths):
    """The end of any JSON value is found to the character, wherever the text is cut."""
    text, scanner, seen = json.dumps(value, indent=indent), ValueScanner(), 0

    for piece in cut(text + ", rest", lengths):
        seen += scanner.feed(piece)
        if scanner.is_over:
            break

    assert len(text) == seen


@given(st.dictionaries(st.text('ab"\\', max_size=4), values, max_size=4), st.sampled_from([None, 1]), lengths_of_pieces)
def test_members_are_read_as_they_are_written(cut, members, indent, lengths):
    """Keys and the raw text of values come out whole, without the white space between."""
    text, scanner, raw_by_key = json.dumps(members, indent=indent), MemberScanner(), {}

    for piece in cut(text + "  ", lengths):
        for key, raw in scanner.feed(piece):
            raw_by_key[key] = raw_by_key.get(key, "") + raw

    assert members == {key: json.loads(raw) for key, raw in raw_by_key.items()}
    assert scanner.is_over


@pytest.mark.parametrize("text", ["[1]", "no", "{]", "{a: 1}", '{"a": ]'])
def test_what_is_no_object_is_refused(text):
    """The first character that cannot be right is an error, so that nothing waits for ever."""
    with pytest.raises(ValueError, match="expected a"):
        MemberScanner().feed(text)
