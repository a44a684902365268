"""Sound as clients send it: 16-bit PCM, or the two codes of telephones."""

from __future__ import annotations

import struct
from functools import cache

from attrs import frozen

SAMPLE_BYTES = 2
"""Of what is kept: 16 bits, little-endian, one channel."""


@frozen
class SoundFormat:
    """One way to send sound.

    Attributes:
        name: As sessions name it.
        old_name: As beta sessions do.
        rate_hz: Samples a second.
    """

    name: str
    old_name: str
    rate_hz: int

    @property
    def bytes_per_s(self) -> int:
        """Of what is kept."""
        return self.rate_hz * SAMPLE_BYTES

    def decode(self, data: bytes) -> bytes:
        """Return *data* as PCM."""
        if self is PCM:
            return data
        return b"".join(map(_table(is_mu_law=self is MU_LAW).__getitem__, data))


PCM = SoundFormat("audio/pcm", "pcm16", 24_000)
MU_LAW = SoundFormat("audio/pcmu", "g711_ulaw", 8_000)
A_LAW = SoundFormat("audio/pcma", "g711_alaw", 8_000)
FORMATS = (PCM, MU_LAW, A_LAW)


def wav(pcm: bytes, rate_hz: int) -> bytes:
    """Return *pcm* as a WAV file."""
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return b"".join((b"RIFF", struct.pack("<I", 28 + 8 + len(pcm)), b"WAVE", head, b"data", struct.pack("<I", len(pcm)), pcm))


@cache
def _table(*, is_mu_law: bool) -> tuple[bytes, ...]:
    """Return the sample of each byte (ITU-T G.711)."""
    decode = _mu_law if is_mu_law else _a_law
    return tuple(struct.pack("<h", decode(code)) for code in range(256))


def _mu_law(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _a_law(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude
