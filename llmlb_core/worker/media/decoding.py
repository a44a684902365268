"""Uploaded sound as samples, decoded by FFmpeg's libraries (PyAV), which are imported with the first upload.

A file is untrusted: only containers that hold sound are opened, none that names other files or addresses, and decoding stops at the
longest sound that is taken, however small its file is.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import Samples
from llmlb_core.domain.media import Blob
from llmlb_core.errors import BodyTooLarge, EngineFailed, InvalidRequest

MAX_S = 30 * 60
"""26006000-F11, F17."""
FORMATS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "opus", "wav", "webm")
_DEMUXERS = "aac,aiff,flac,matroska,mov,mp3,mpeg,ogg,wav,w64"
_BEGINNINGS = re.compile(rb"RIFF....WAVE|fLaC|OggS|ID3|\xff[\xe0-\xff]|....ftyp|\x1a\x45\xdf\xa3", re.DOTALL)
"""Of files whose format is known."""
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}


def decoded(audio: Blob, rate_hz: int, cancel: Cancel) -> Samples:
    """Return *audio* as one channel at *rate_hz*; what was decoded so far where *cancel* is set.

    Raises:
        InvalidRequest: ``empty_file``, ``unsupported_format``, or ``invalid_audio`` where it is damaged or holds no sound.
        BodyTooLarge: It sounds for longer than ``MAX_S``.
    """
    if not audio.size_bytes:
        raise InvalidRequest("The file is empty.", param="file", code="empty_file")
    try:
        import av
    except ImportError:
        raise EngineFailed(
            "Sound cannot be decoded: the engine's environment has no PyAV. Run `pip install 'llmlb-core[audio]'` there."
        ) from None
    with io.BytesIO(audio.data) if audio.path is None else Path(audio.path).open("rb") as file:
        container = _opened(av, file)
        with contextlib.closing(container):
            if not container.streams.audio:
                raise InvalidRequest("There is no sound in this file.", param="file", code="invalid_audio")
            if container.duration is not None and container.duration / av.time_base > MAX_S + 1:
                raise _too_long()
            try:
                return _samples(av, container, rate_hz, cancel)
            except av.error.FFmpegError as error:
                raise InvalidRequest(f"The file is damaged: {error.strerror}.", param="file", code="invalid_audio") from error


def _opened(av: Any, file: Any) -> Any:
    try:
        return av.open(file, "r", options=_OPTIONS, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError):
        file.seek(0)
        if _BEGINNINGS.match(file.read(16)):
            raise InvalidRequest(
                "The file is damaged: nothing behind its head can be read.", param="file", code="invalid_audio"
            ) from None
        raise InvalidRequest(
            f"The file is no sound that can be read here; expected one of {', '.join(FORMATS)}.",
            param="file",
            code="unsupported_format",
        ) from None


def _samples(av: Any, container: Any, rate_hz: int, cancel: Cancel) -> Samples:
    resampler = av.AudioResampler(format="fltp", rate=rate_hz)
    pieces: list[bytes] = []
    size = 0
    for frame in container.decode(container.streams.audio[0]):
        frame.pts = None  # as they come: a gap in the times of a file is no silence of an hour
        for part in resampler.resample(frame):
            pieces.append(_mono(part))
            size += len(pieces[-1])
        if size > MAX_S * rate_hz * 4:
            raise _too_long()
        if cancel.is_set:
            break
    if size or not cancel.is_set:
        pieces += [_mono(part) for part in resampler.resample(None)]
    if not any(pieces):
        if cancel.is_set:
            return Samples(b"", rate_hz)
        raise InvalidRequest("There is no sound in this file.", param="file", code="invalid_audio")
    return Samples(b"".join(pieces), rate_hz)


def _mono(frame: Any) -> bytes:
    """Return the mean of the channels, which is never louder than they are, as FFmpeg's own mix of floats may be."""
    mixed = frame.to_ndarray().mean(axis=0).clip(-1.0, 1.0)
    return bytes(mixed.astype("<f4", copy=False).tobytes())


def _too_long() -> BodyTooLarge:
    return BodyTooLarge(
        f"This recording is longer than {MAX_S // 60} minutes. Cut it into parts.", param="file", code="file_too_large"
    )
