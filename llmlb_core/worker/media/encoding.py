"""Sound of an engine as the bytes of a file, as it is made."""

from __future__ import annotations

from collections.abc import Iterator

from llmlb_core.contracts.media_engines import Samples
from llmlb_core.domain.media import AudioChunk, AudioFormat


def encoded(samples: Iterator[Samples], wanted: AudioFormat) -> Iterator[AudioChunk]:
    """Yield *samples* as a file of format *wanted*, piece by piece."""
    raise NotImplementedError
