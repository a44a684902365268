"""Uploaded sound becomes samples, within bounds."""

from __future__ import annotations

import io
import struct
import wave

import pytest

from llmlb_core import Blob, Cancel
from llmlb_core.errors import BodyTooLarge, InvalidRequest
from llmlb_core.worker.media.decoding import MAX_S, decoded


def sound(seconds, rate_hz=8000, level=8192):
    """Return a WAV file of a steady level."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((2, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(struct.pack("<hh", level, level) * (rate_hz * seconds))
    return Blob(target.getvalue())


def test_two_channels_become_one_at_the_rate_that_was_asked_for():
    """26006000-F19: in the worker, whatever the file has."""
    found = decoded(sound(2), 16_000, Cancel())

    assert found.rate_hz == 16_000
    assert found.duration_s == pytest.approx(2.0, abs=0.01)
    assert struct.unpack_from("<f", found.data, 4 * 16_000)[0] == pytest.approx(0.25, abs=0.01)


def test_a_small_file_with_hours_of_sound_is_given_up():
    """26006000-F11, F17: 413 as soon as it is too long."""
    with pytest.raises(BodyTooLarge) as refused:
        decoded(sound(MAX_S + 10, rate_hz=1000), 1000, Cancel())

    assert (refused.value.status, refused.value.code) == (413, "file_too_large")


def test_decoding_ends_when_nobody_wants_it():
    """A cancelled call leaves the rest of the file alone."""
    cancel = Cancel()
    cancel.set()

    assert decoded(sound(60), 16_000, cancel).duration_s < 1


@pytest.mark.parametrize("level", [32000, -32000, 8192])
def test_channels_are_mixed_without_getting_louder(level):
    """What engines get stays in [-1, 1]: a sum of two channels would not."""
    found = decoded(sound(1, level=level), 8_000, Cancel())
    numbers = struct.unpack(f"<{len(found.data) // 4}f", found.data)

    assert numbers[4000] == pytest.approx(level / 32768, abs=1e-3)
    assert max(map(abs, numbers)) <= 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello", "unsupported_format"),
        (b"RIFF\x24\0\0\0WAVE", "invalid_audio"),
        (b"fLaC" + bytes(100), "invalid_audio"),
        (b"OggS" + bytes(100), "invalid_audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "unsupported_format"),
    ],
)
def test_what_is_damaged_is_told_from_what_is_no_sound(data, code):
    """26006000-F25: a format that is known, and one that is not."""
    with pytest.raises(InvalidRequest) as refused:
        decoded(Blob(data), 16_000, Cancel())

    assert refused.value.code == code
