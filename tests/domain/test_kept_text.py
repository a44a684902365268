"""The text of streams that another server could go on with: all of it or none, within bounds (rule 7, *continue*)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.domain.kept_text import ALL_TEXT_BYTES, KEPT_TEXT_BYTES, KeptText, TextPool
from llmlb_core.domain.transcript import Differs, Echo, Transcript

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=5), max_size=60)


def kept(pool, *words, channel="0") -> Transcript:
    """Return a transcript that keeps its text."""
    transcript = Transcript()
    transcript.kept = KeptText(pool)
    for word in words:
        transcript.add(channel, word)
    return transcript


@given(TEXTS, TEXTS)
def test_text_is_kept_as_it_came(words, more):
    """And what is forked off grows on its own."""
    transcript = kept(TextPool(), *words)

    fork = transcript.fork()
    for word in more:
        fork.add("0", word)

    assert ("".join(words) or None) == (transcript.text_of("0") if words else None)
    if words or more:
        assert "".join([*words, *more]) == fork.text_of("0")
    assert fork.count == transcript.count + len(more)


def test_text_of_several_channels_is_not_one():
    """Nor is a zero character, which could be a mark."""
    mixed = kept(TextPool(), "a")
    mixed.add("0r", "b")

    assert (None, None) == (mixed.text_of("0"), kept(TextPool(), "a\0b").text_of("0"))


def test_text_that_was_not_kept_from_its_beginning_is_none():
    """What was hashed before is lost."""
    late = Transcript()
    for _ in range(20):
        late.add("0", "word ")
    late.kept = KeptText(TextPool())
    late.add("0", "end")

    assert late.text_of("0") is None


def test_a_text_that_is_too_long_is_let_go_of():
    """All of it at once; it is counted."""
    pool = TextPool()
    transcript = kept(pool, "x" * (KEPT_TEXT_BYTES - 3))

    assert transcript.text_of("0") is not None
    transcript.add("0", "y")

    assert (None, 0, 1) == (transcript.text_of("0"), pool.size, pool.dropped_count)


def test_all_texts_together_have_a_bound():
    """The next one is not kept; those that are closed make room."""
    pool = TextPool()
    full = [kept(pool, "x" * (KEPT_TEXT_BYTES - 3)) for _ in range(ALL_TEXT_BYTES // KEPT_TEXT_BYTES)]
    assert all(each.text_of("0") for each in full)

    refused = kept(pool, "y").text_of("0")
    full[0].kept.close()
    full[0].kept.close()

    assert (None, "y") == (refused, kept(pool, "y").text_of("0"))


def test_another_answer_is_found_out_at_its_first_word():
    """Where the text itself is there; else it is when it has said as much."""
    delivered = kept(TextPool(), "one", " two", " three")

    with pytest.raises(Differs):
        Echo(delivered).hear("0", "uno")


def test_a_replay_takes_the_text_over():
    """A stream may break twice."""
    echo = Echo(kept(TextPool(), "one", " two"))

    news = [echo.hear("0", word) for word in ("one t", "wo th", "ree")]

    assert ([None, " th", "ree"], "one two three") == (news, echo.said.text_of("0"))
