from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.worker.chat_format.pieces import held_length
from llmlb_core.worker.chat_format.stops import Stops

few = st.text("ab\n", min_size=1, max_size=4)


def test_stop_string_across_pieces_ends_the_text_before_it(read):
    """A stop string that comes in three pieces is not part of the answer."""
    parsers = lambda: [Stops(["STOP"])]  # noqa: E731

    reading = read(parsers, ["one S", "TO", "P two"])

    assert ("one ", True) == (reading.text, reading.is_done)


def test_beginning_of_a_stop_string_is_given_out_at_the_end(read):
    """Text that only looked like a stop string is not lost."""
    reading = read(lambda: [Stops(["STOP"])], ["one ST"])

    assert ("one ST", False) == (reading.text, reading.is_done)


def test_text_is_not_held_back_longer_than_needed():
    """As soon as a stop string is impossible, everything is given out."""
    stops = Stops(["\n\n"])

    first, second = stops.feed("a\n"), stops.feed("b")

    assert ["a"] == [piece.text for piece in first]
    assert ["\nb"] == [piece.text for piece in second]


def test_empty_stop_string_is_ignored(read):
    """An empty string is found everywhere, and so ends nothing."""
    reading = read(lambda: [Stops([""])], ["text"])

    assert "text" == reading.text


@given(st.text("ab\n", max_size=30), st.lists(few, max_size=4), st.lists(st.integers(1, 5), min_size=1))
def test_stop_is_the_same_wherever_the_text_is_cut(read, cut, text, stops, lengths):
    """Token borders never change where an answer stops."""
    whole = read(lambda: [Stops(stops)], [text])

    in_pieces = read(lambda: [Stops(stops)], cut(text, lengths))

    assert (whole.text, whole.is_done) == (in_pieces.text, in_pieces.is_done)


@given(st.text("ab", max_size=12), st.lists(few, max_size=3))
def test_held_length_is_the_longest_possible_beginning(text, markers):
    """Checked against the definition: an end of the text that a marker begins with."""
    expected = max([n for m in markers for n in range(1, len(m)) if n <= len(text) and m.startswith(text[-n:])], default=0)

    assert expected == held_length(text, markers)


def test_the_callers_stop_string_is_named_and_the_models_own_is_not():
    """Whoever asked for it may be told which one it was; nobody knows of the others."""
    asked, own = Stops(["END", "FIN"], ["<|end|>"]), Stops(["END"], ["<|end|>"])

    asked.feed("a FIN b")
    own.feed("a <|end|>")

    assert (True, "FIN") == (asked.is_done, asked.stop)
    assert (True, None) == (own.is_done, own.stop)
