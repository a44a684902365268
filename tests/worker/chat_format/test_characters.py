from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.worker.chat_format.text import Characters


@given(st.text(max_size=30), st.lists(st.integers(1, 5), min_size=1))
def test_bytes_cut_anywhere_join_to_the_same_text(cut, text, lengths):
    """UTF-8 is never cut, wherever an engine's tokens end."""
    characters, raw = Characters(), text.encode()

    out = [characters.feed(piece) for piece in cut(raw, lengths)]

    assert text == "".join(out) + characters.finish()
    assert len(text) == characters.count
    assert all("\ufffd" not in piece for piece in out) or "\ufffd" in text


def test_character_that_never_ends_is_replaced_at_the_end():
    """Half a character is held back, and becomes U+FFFD only when nothing follows."""
    characters = Characters()

    first, last = characters.feed(b"a\xf0\x9f"), characters.finish()

    assert ("a", "\ufffd") == (first, last)


def test_lone_surrogate_in_text_is_replaced():
    """What cannot be encoded cannot reach a frame."""
    characters = Characters()

    text = characters.feed("a\ud83db")

    assert "a\ufffdb" == text


def test_text_after_half_a_character_is_kept():
    """An engine that mixes bytes and text loses neither."""
    characters = Characters()

    text = characters.feed(b"a\xc3") + characters.feed("b")

    assert "a\ufffdb" == text
