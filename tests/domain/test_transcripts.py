"""Telling whether another answer begins with what was delivered (rule 7 of streams)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.domain.transcript import Differs, Echo, Transcript

CHANNELS = st.sampled_from(["0", "0r", "1", "0t0"])
PIECES = st.lists(st.tuples(CHANNELS, st.text(min_size=1, max_size=5)), max_size=120)


def transcript_of(pieces) -> Transcript:
    """Return what is known after *pieces* were delivered."""
    transcript = Transcript()
    for channel, text in pieces:
        transcript.add(channel, text)
    return transcript


def merged(pieces) -> list[tuple[str, str]]:
    """Join neighbours of one channel."""
    joined: list[tuple[str, str]] = []
    for channel, text in pieces:
        if joined and joined[-1][0] == channel:
            joined[-1] = (channel, joined[-1][1] + text)
        else:
            joined.append((channel, text))
    return joined


def heard(echo, pieces) -> list[tuple[str, str]]:
    """Return what is new of *pieces*."""
    news = [(channel, echo.hear(channel, text)) for channel, text in pieces]
    return [(channel, text) for channel, text in news if text]


@given(PIECES, PIECES, st.integers(1, 4))
def test_what_was_not_delivered_is_passed_on_however_it_is_cut(delivered, rest, size):
    """The other answer may cut its pieces anywhere; together, delivered and new are the whole."""
    whole = merged([*delivered, *rest])
    pieces = [(channel, text[at : at + size]) for channel, text in whole for at in range(0, len(text), size)]
    echo = Echo(transcript_of(delivered))

    new = heard(echo, pieces)

    assert echo.is_over
    assert whole == merged([*merged(delivered), *new])


@given(PIECES.filter(bool), st.data())
def test_another_answer_differs(delivered, data):
    """One other character anywhere is enough, and nothing of it is passed on."""
    at = data.draw(st.integers(0, len(delivered) - 1))
    channel, text = delivered[at]
    other = [*delivered]
    other[at] = (channel, "\U0001f600" + text[1:])
    if text[0] == "\U0001f600":
        other[at] = (channel, "x" + text[1:])
    echo = Echo(transcript_of(delivered))

    with pytest.raises(Differs):
        heard(echo, [*other, ("0", "more"), ("1", "more")])
    assert not echo.is_over


@given(PIECES)
def test_what_is_said_is_known_afterwards(pieces):
    """A resumed answer may break, too: what it said all in all is what was delivered then."""
    echo = Echo(transcript_of(pieces[: len(pieces) // 2]))

    heard(echo, pieces)

    assert transcript_of(pieces).digest == echo.said.digest
    assert transcript_of(pieces).length == echo.said.length


def test_little_is_kept():
    """However long the answer, only its last few pieces are held as text."""
    transcript = transcript_of([("0", "x")] * 100_000)

    assert 16 > len(transcript.pieces)
    assert (100_000, 100_003) == (transcript.count, transcript.length)
