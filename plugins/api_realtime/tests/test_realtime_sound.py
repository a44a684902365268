"""Formats of sound."""

from __future__ import annotations

import array
import io
import wave

import pytest
from llmlb_api_realtime.sound import A_LAW, MU_LAW, PCM, wav


def test_a_wav_file_holds_the_samples(tone):
    """As the standard library reads it."""
    pcm = tone(0.1)

    with wave.open(io.BytesIO(wav(pcm, 24_000))) as file:
        shape = file.getnchannels(), file.getsampwidth(), file.getframerate()
        read = file.readframes(10**6)

    assert (1, 2, 24_000) == shape
    assert pcm == read


@pytest.mark.parametrize(
    ("form", "samples"),
    [
        (MU_LAW, {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0xF0: 120}),
        (A_LAW, {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xC5: 264}),
    ],
    ids=lambda value: getattr(value, "old_name", ""),
)
def test_codecs_of_telephones_are_those_of_g711(form, samples):
    """Values of the recommendation, silence and the loudest among them."""
    decoded = array.array("h", form.decode(bytes(samples)))

    assert list(samples.values()) == list(decoded)


def test_pcm_is_taken_as_it_is():
    """No copy, no change."""
    assert PCM.decode(b"\x01\x02") == b"\x01\x02"
