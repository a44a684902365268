"""Uploaded sound as samples."""

from __future__ import annotations

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import Samples
from llmlb_core.domain.media import Blob


def decoded(audio: Blob, rate_hz: int, cancel: Cancel) -> Samples:
    """Return *audio* as one channel at *rate_hz*."""
    raise NotImplementedError
