"""Sound of an engine as the bytes of a file, as it is made.

WAV and raw PCM need numpy only; MP3, Opus, AAC and FLAC are written by FFmpeg's libraries (PyAV), imported when first needed.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from llmlb_core.contracts.media_engines import Samples
from llmlb_core.domain.media import AudioChunk, AudioFormat
from llmlb_core.errors import EngineFailed, InvalidRequest

PCM_RATE_HZ = 24_000
"""Of raw PCM, which says nothing of itself: OpenAI's API reference has 24 kHz, 16 bit, little-endian, one channel."""
_MP3_BIT_RATE = 128_000
_UNKNOWN_SIZE = 0xFFFF_FFFF
_CONTAINERS = {"mp3": ("mp3", "libmp3lame"), "opus": ("ogg", "libopus"), "aac": ("adts", "aac"), "flac": ("flac", "flac")}
_PAGE_US = "200000"


def encoded(samples: Iterator[Samples], wanted: AudioFormat) -> Iterator[AudioChunk]:
    """Yield *samples* as a file of format *wanted*, piece by piece; closes *samples*.

    Raises:
        InvalidRequest: This machine cannot write that format.
        EngineFailed: The engine changed its rate midway.
    """
    encoder: _Encoder | None = None
    rate_hz = 0
    try:
        for piece in samples:
            if encoder is None:
                rate_hz = piece.rate_hz
                encoder = _encoder(wanted, rate_hz)
            elif piece.rate_hz != rate_hz:
                raise EngineFailed(f"The engine spoke at {rate_hz} Hz and then at {piece.rate_hz} Hz.")
            if data := encoder.feed(_int16(piece)):
                yield AudioChunk(data)
        if encoder is not None and (data := encoder.finish()):
            yield AudioChunk(data)
    finally:
        close = getattr(samples, "close", None)
        if close is not None:
            close()


def _int16(piece: Samples) -> Any:
    import numpy as np

    sound = np.frombuffer(piece.data, dtype="<f4")
    return (np.clip(np.nan_to_num(sound), -1.0, 1.0) * 32767.0).astype("<i2")


class _Encoder(ABC):
    """Takes 16-bit samples of one channel, returns bytes."""

    @abstractmethod
    def feed(self, samples: Any) -> bytes:
        """Return what is ready with *samples*."""

    @abstractmethod
    def finish(self) -> bytes:
        """Return the rest."""


def _encoder(wanted: AudioFormat, rate_hz: int) -> _Encoder:
    if wanted == "wav":
        return _Wav(rate_hz)
    if wanted == "pcm" and rate_hz == PCM_RATE_HZ:
        return _Pcm()
    try:
        import av
    except ImportError:
        raise InvalidRequest(
            f"The server's engine cannot write {wanted}: its environment has no PyAV. Ask for wav, or have the operator run "
            "`pip install 'llmlb-core[audio]'` there.",
            param="response_format",
            code="unsupported_format",
        ) from None
    return _Resampled(av, rate_hz) if wanted == "pcm" else _File(av, wanted, rate_hz)


class _Pcm(_Encoder):
    def feed(self, samples: Any) -> bytes:
        return bytes(samples.tobytes())

    def finish(self) -> bytes:
        return b""


class _Wav(_Pcm):
    """A header with sizes that are not known yet, as players of streams expect it, then the samples."""

    def __init__(self, rate_hz: int) -> None:
        self._head = (
            struct.pack("<4sI4s4sI", b"RIFF", _UNKNOWN_SIZE, b"WAVE", b"fmt ", 16)
            + struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * 2, 2, 16)
            + struct.pack("<4sI", b"data", _UNKNOWN_SIZE)
        )

    def feed(self, samples: Any) -> bytes:
        head, self._head = self._head, b""
        return head + super().feed(samples)


class _Frames:
    """Samples as frames of PyAV."""

    def __init__(self, av: Any, rate_hz: int) -> None:
        self._av, self._rate_hz, self._count = av, rate_hz, 0

    def of(self, samples: Any) -> Any:
        frame = self._av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._count
        self._count += samples.size
        return frame


class _Resampled(_Encoder):
    """Raw PCM of a voice whose own rate is another."""

    def __init__(self, av: Any, rate_hz: int) -> None:
        self._frames = _Frames(av, rate_hz)
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=PCM_RATE_HZ)

    def feed(self, samples: Any) -> bytes:
        return self._bytes(self._resampler.resample(self._frames.of(samples)))

    def finish(self) -> bytes:
        return self._bytes(self._resampler.resample(None))

    def _bytes(self, frames: list[Any]) -> bytes:
        return b"".join(frame.to_ndarray().tobytes() for frame in frames)


class _Sink:
    """What PyAV writes to; it cannot seek, so that nothing that left is changed later."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class _File(_Encoder):
    """A format of FFmpeg's."""

    def __init__(self, av: Any, wanted: AudioFormat, rate_hz: int) -> None:
        container, codec = _CONTAINERS[wanted]
        self._frames = _Frames(av, rate_hz)
        self._sink = _Sink()
        options = {"flush_packets": "1"}
        if wanted == "opus":
            options["page_duration"] = _PAGE_US
        elif wanted == "mp3":
            options["write_xing"] = "0"  # which tells the length, at the beginning
        self._container = av.open(self._sink, "w", format=container, container_options=options)
        self._stream = self._container.add_stream(codec, rate=rate_hz, layout="mono")
        if wanted == "mp3":
            self._stream.bit_rate = _MP3_BIT_RATE

    def feed(self, samples: Any) -> bytes:
        return self._write(self._frames.of(samples)) if samples.size else b""

    def finish(self) -> bytes:
        rest = self._write(None)
        self._container.close()
        return rest + self._sink.take()

    def _write(self, frame: Any) -> bytes:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        return self._sink.take()
