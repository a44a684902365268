"""The buffer of sound that came and was not committed, and where in it somebody speaks."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from operator import mul

from attrs import frozen

from llmlb_api_realtime.sound import SAMPLE_BYTES

FRAME_MS = 20
ONSET_FRAMES = 3
"""So many loud frames in a row are speech; a click is shorter."""
QUIETEST_DB, RANGE_DB = -60.0, 40.0
"""The threshold 0 and what 1 is above that, in dB below the loudest there can be."""
HYSTERESIS = 0.5
"""Speech goes on while it is half as loud as it had to be to begin: words end more quietly than they begin."""


@frozen
class TurnDetection:
    """How utterances are told apart by their loudness (``server_vad``).

    Attributes:
        threshold: In [0, 1].
        prefix_padding_ms: So much sound before the speech belongs to it.
        silence_duration_ms: So much silence ends it.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500

    @property
    def loudness(self) -> float:
        """Root mean square of samples that are speech."""
        return float(32768 * 10 ** ((QUIETEST_DB + RANGE_DB * self.threshold) / 20))


@frozen
class Started:
    """Somebody began to speak; milliseconds from the first sound of the session on, padding included."""

    at_ms: int


@frozen
class Stopped:
    """Somebody was silent for long enough, or spoke for too long; *sound* is the whole utterance."""

    at_ms: int
    sound: bytes


class Ear:
    """The buffer of one session.

    Attributes:
        is_speaking: Whether an utterance has begun and not ended.
    """

    def __init__(self, rate_hz: int, detection: TurnDetection | None, max_utterance_s: float) -> None:
        """Begin in silence; without *detection* nobody but the client says where utterances end."""
        self._rate_hz = rate_hz
        self._frame_bytes = rate_hz * FRAME_MS // 1000 * SAMPLE_BYTES
        self._max_bytes = int(rate_hz * max_utterance_s) * SAMPLE_BYTES
        self._sound = bytearray()
        self._gone_bytes = 0
        self._looked_bytes = 0
        self._loud_frames = self._quiet_frames = 0
        self.is_speaking = False
        self._detection = detection

    @property
    def held_bytes(self) -> int:
        """How much is in the buffer."""
        return len(self._sound)

    @property
    def held_ms(self) -> float:
        """How long that takes."""
        return 1000 * len(self._sound) / (self._rate_hz * SAMPLE_BYTES)

    def listen(self, detection: TurnDetection | None) -> None:
        """Tell utterances apart by *detection* from here on."""
        self._detection = detection
        self._forget()

    def append(self, pcm: bytes) -> Iterator[Started | Stopped]:
        """Take whole samples; yield what is heard in them. To be read to its end."""
        self._sound += pcm
        detection = self._detection
        if detection is None:
            return
        size, limit = self._frame_bytes, detection.loudness
        while len(self._sound) - self._looked_bytes >= size:
            end = self._looked_bytes + size
            power = _power(self._sound[self._looked_bytes : end])
            self._looked_bytes = end
            if self.is_speaking:
                self._quiet_frames = self._quiet_frames + 1 if power < (limit * HYSTERESIS) ** 2 else 0
                if self._quiet_frames * FRAME_MS >= detection.silence_duration_ms or end >= self._max_bytes:
                    yield Stopped(self._ms(end), self._take(end))
            else:
                self._loud_frames = self._loud_frames + 1 if power >= limit**2 else 0
                if self._loud_frames >= ONSET_FRAMES:
                    self.is_speaking = True
                    self._drop(end - ONSET_FRAMES * size - self._padding_bytes(detection))
                    yield Started(self._ms(0))
        if not self.is_speaking:
            self._drop(self._looked_bytes - ONSET_FRAMES * size - self._padding_bytes(detection))

    def commit(self) -> bytes:
        """Return all there is, and begin anew."""
        return self._take(len(self._sound))

    def clear(self) -> None:
        """Forget all there is."""
        self._take(len(self._sound))

    def _take(self, end: int) -> bytes:
        sound = bytes(self._sound[:end])
        self._drop(end)
        self._forget()
        return sound

    def _drop(self, end: int) -> None:
        if end > 0:
            del self._sound[:end]
            self._gone_bytes += end
            self._looked_bytes = max(0, self._looked_bytes - end)

    def _forget(self) -> None:
        self.is_speaking = False
        self._loud_frames = self._quiet_frames = 0
        if self._detection is None:
            self._looked_bytes = len(self._sound)

    def _padding_bytes(self, detection: TurnDetection) -> int:
        return self._rate_hz * detection.prefix_padding_ms // 1000 * SAMPLE_BYTES

    def _ms(self, at: int) -> int:
        """Return when the byte *at* of the buffer came, in sound."""
        return (self._gone_bytes + at) * 1000 // (self._rate_hz * SAMPLE_BYTES)


def _power(frame: bytearray) -> float:
    """Return the mean square of the samples of *frame*."""
    samples = array("h", bytes(frame))
    if sys.byteorder == "big":
        samples.byteswap()
    total: int = sum(map(mul, samples, samples))
    return total / len(samples)
