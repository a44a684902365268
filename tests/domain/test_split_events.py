"""Server-sent events, cut into single ones."""

from __future__ import annotations

import pytest

from llmlb_core import split_events


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_event_of_several_lines_is_one(line_end):
    """Its data is joined, whatever ends its lines; only a blank line ends it."""
    events = line_end.join([b"event: a", b'data: {"x":', b"data: 1}", b"", b"data: 2", b"", b""])

    assert [b'{"x":\n1}', b"2"] == [data for _, data in split_events(events)]
    assert events == b"".join(event for event, _ in split_events(events))
