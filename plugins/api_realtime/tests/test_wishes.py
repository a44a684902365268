"""What a session may be told."""

from __future__ import annotations

import pytest
from llmlb_api_realtime.ear import TurnDetection
from llmlb_api_realtime.sound import A_LAW, MU_LAW, PCM
from llmlb_api_realtime.wishes import Wishes

from llmlb_core.errors import InvalidRequest


def heard(**members):
    """Return a session of today's shape."""
    return {"type": "transcription", "audio": {"input": members}}


def test_both_shapes_say_the_same():
    """Today's, and that of beta clients."""
    turns = {"type": "server_vad", "threshold": 0.7, "prefix_padding_ms": 100, "silence_duration_ms": 900}
    written = {"model": "whisper-1", "language": "en", "prompt": "Names"}

    new = Wishes().updated(heard(format={"type": "audio/pcmu"}, transcription=written, turn_detection=turns), is_beta=False)
    old = {"input_audio_format": "g711_ulaw", "input_audio_transcription": written, "turn_detection": turns}

    assert Wishes(MU_LAW, "whisper-1", "en", "Names", TurnDetection(0.7, 100, 900)) == new
    assert new == Wishes().updated(old, is_beta=True)


def test_what_is_left_out_stays():
    """And null takes back."""
    wishes = Wishes(PCM, "whisper-1", "en", None, TurnDetection(0.9))

    assert wishes == wishes.updated({"type": "transcription"}, is_beta=False)
    assert Wishes(A_LAW, "whisper-1", "en", None, TurnDetection(0.9)) == wishes.updated(
        heard(format={"type": "audio/pcma"}), is_beta=False
    )
    assert Wishes(PCM, "whisper-1", "en", None, None) == wishes.updated(heard(turn_detection=None), is_beta=False)
    assert Wishes(PCM, None, None, None, TurnDetection(0.9)) == wishes.updated(heard(transcription=None), is_beta=False)


def test_the_documented_defaults_hold():
    """0.5, 300 ms, 500 ms."""
    shown = Wishes().document("sess", 1, is_beta=False)["audio"]["input"]

    assert {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500} == shown["turn_detection"]
    assert {"type": "audio/pcm", "rate": 24000} == shown["format"]


@pytest.mark.parametrize(
    ("session", "param", "code"),
    [
        (None, "session", "invalid_type"),
        ({"type": "realtime"}, "session.type", "invalid_value"),
        ({"type": "transcription", "voice": "alloy"}, "session.voice", "unknown_parameter"),
        (heard(format={"type": "audio/mp3"}), "session.audio.input.format", "invalid_value"),
        (heard(format={"type": "audio/pcm", "rate": 16000}), "session.audio.input.format.rate", "invalid_value"),
        (heard(turn_detection={"type": "semantic_vad"}), "session.audio.input.turn_detection.type", "unsupported_parameter"),
        (heard(turn_detection={"threshold": 2}), "session.audio.input.turn_detection.threshold", "invalid_value"),
        (
            heard(turn_detection={"silence_duration_ms": "1"}),
            "session.audio.input.turn_detection.silence_duration_ms",
            "invalid_value",
        ),
        (heard(transcription={"model": 5}), "session.audio.input.transcription.model", "invalid_value"),
        (heard(transcription={"keywords": ["a"]}), "session.audio.input.transcription.keywords", "unsupported_parameter"),
        (heard(transcription={"model": "m" * 300}), "session.audio.input.transcription.model", "invalid_value"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_is_told(session, param, code):
    """With its path, and what was seen."""
    with pytest.raises(InvalidRequest) as caught:
        Wishes().updated(session, is_beta=False)

    assert (param, code) == (caught.value.param, caught.value.code)


def test_beta_sessions_are_checked_too():
    """By the names that they have."""
    with pytest.raises(InvalidRequest) as caught:
        Wishes().updated({"input_audio_format": "mp3"}, is_beta=True)

    assert "session.input_audio_format" == caught.value.param
    assert "pcm16" in caught.value.message
