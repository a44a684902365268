"""Sound made faster or slower with its pitch kept: what a voice cannot do itself is done by FFmpeg's filter ``atempo``."""

from __future__ import annotations

from typing import Any

OWN_SPEEDS = (0.5, 2.0)
"""What the voices were made for; beyond, they skip or drag."""
_SHARES = (0.5, 2.0)


def split_speed(speed: float) -> tuple[float, float]:
    """Return the part of *speed* that the voice does, and the rest, which ``stretched`` does."""
    own = min(max(speed, OWN_SPEEDS[0]), OWN_SPEEDS[1])
    return own, speed / own


def stretched(sound: Any, rate_hz: int, factor: float) -> Any:
    """Return *sound*, float32 samples of one channel, *factor* times as fast; *factor* in [0.5, 2]."""
    import av
    import numpy as np

    assert _SHARES[0] <= factor <= _SHARES[1]
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="mono")
    tempo = graph.add("atempo", f"{factor}")
    sink = graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, dtype=np.float32).reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate, frame.pts = rate_hz, 0
    graph.push(frame)
    graph.push(None)
    pieces = []
    while True:
        try:
            pieces.append(graph.pull().to_ndarray().reshape(-1))
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
