"""Where somebody speaks."""

from __future__ import annotations

import pytest
from llmlb_api_realtime.ear import Ear, Started, Stopped, TurnDetection

RATE_HZ = 24_000


def heard_of(ear, pcm, piece):
    """Return what is heard of *pcm*, which comes in pieces of *piece* bytes."""
    return [heard for at in range(0, len(pcm), piece) for heard in ear.append(pcm[at : at + piece])]


@pytest.mark.parametrize("piece", [2, 960, 4800, 10**7])
def test_two_words_are_two_utterances_whatever_the_pieces(tone, silence, piece):
    """With their padding before and the silence after them."""
    pcm = silence(1) + tone(0.5) + silence(0.8) + tone(0.3) + silence(0.8)

    heard = heard_of(Ear(RATE_HZ, TurnDetection(), 60), pcm, piece)

    assert [Started, Stopped, Started, Stopped] == [type(each) for each in heard]
    assert [700, 2000, 2000, 3100] == [each.at_ms for each in heard]
    assert [1.3, 1.1] == [len(each.sound) / 48_000 for each in heard if isinstance(each, Stopped)]


def test_a_click_is_no_speech(tone, silence):
    """Nor is what is shorter than three frames."""
    assert [] == heard_of(Ear(RATE_HZ, TurnDetection(), 60), silence(0.5) + tone(0.03) + silence(1), 960)


def test_the_threshold_says_how_loud_speech_is(tone, silence):
    """0.5 is 40 dB below the loudest there can be, 1 is 20 dB."""
    pcm = tone(0.5, loudness=0.05) + silence(1)

    assert 2 == len(heard_of(Ear(RATE_HZ, TurnDetection(threshold=0.5), 60), pcm, 960))
    assert [] == heard_of(Ear(RATE_HZ, TurnDetection(threshold=1), 60), pcm, 960)


def test_silence_is_not_kept(silence):
    """However long: no more than what may belong to speech that begins now."""
    ear = Ear(RATE_HZ, TurnDetection(), 60)

    assert [] == heard_of(ear, silence(30), 4800)
    assert ear.held_ms == pytest.approx(360)


def test_who_never_stops_is_cut(tone):
    """At the longest utterance there may be; the next one begins there, and nothing is lost."""
    ear = Ear(RATE_HZ, TurnDetection(), 2)
    pcm = tone(5)

    heard = heard_of(ear, pcm, 4800)

    assert [Started, Stopped, Started, Stopped, Started] == [type(each) for each in heard]
    assert pcm == b"".join(each.sound for each in heard if isinstance(each, Stopped)) + ear.commit()


def test_without_detection_all_is_kept(tone, silence):
    """Until it is committed or cleared."""
    ear = Ear(RATE_HZ, None, 60)

    assert [] == heard_of(ear, silence(1) + tone(1), 4800)
    assert silence(1) + tone(1) == ear.commit()
    assert 0 == ear.held_bytes


def test_detection_may_begin_later(tone, silence):
    """What is in the buffer is listened to with the next piece."""
    ear = Ear(RATE_HZ, None, 60)
    heard_of(ear, tone(0.5), 4800)
    ear.listen(TurnDetection())

    heard = heard_of(ear, tone(0.2) + silence(1), 4800)

    assert [Started, Stopped] == [type(each) for each in heard]


def test_clear_ends_what_was_begun(tone, silence):
    """The rest of the word is a new one, or none."""
    ear = Ear(RATE_HZ, TurnDetection(), 60)
    heard_of(ear, tone(0.5), 960)
    ear.clear()

    assert not ear.is_speaking
    assert [] == heard_of(ear, silence(1), 960)
