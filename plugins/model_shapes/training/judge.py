"""Tells from the pixels alone what a picture shows. Knows nothing of the prompt, nor of the model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scenes import COLOURS, PLACES, SHAPES, SIDE, Scene, coverage

NONE = "none"
_MIN_PIXELS = 12
_MIN_OVERLAP = 0.6
_MAX_COLOUR_DISTANCE = 75
_EXTENTS = {
    "circle": (1, -1, 1),
    "square": (0.9, -0.9, 0.9),
    "triangle": (0.95, -1.05, 0.85),
    "cross": (1, -1, 1),
    "ring": (1, -1, 1),
}
"""Half the width, top and bottom of each shape in radii."""


def look(picture: NDArray[np.uint8]) -> Scene:
    """Return what *picture* ``[SIDE, SIDE, 3]`` shows; ``NONE`` for what cannot be told.

    The background is the median of the outermost pixels, the shape what differs from it, its colour the median of the pixels that
    differ most; the shape's name is that of the drawing which overlaps best with it, by at least 0.6 of their union.
    """
    pixels = picture.astype(float)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    paper = np.median(edge, axis=0)
    distance = np.linalg.norm(pixels - paper, axis=2)
    far = distance > 0.5 * np.percentile(distance, 99.5)
    if distance.max() < 40 or far.sum() < _MIN_PIXELS:
        return Scene(NONE, NONE, _colour(paper), NONE)
    ink = np.median(pixels[distance >= np.median(distance[far])], axis=0)
    inside = np.clip((pixels - paper) @ (ink - paper) / max(float((ink - paper) @ (ink - paper)), 1.0), 0, 1)
    rows, columns = np.nonzero(inside > 0.5)
    if len(rows) < _MIN_PIXELS:
        return Scene(_colour(ink), NONE, _colour(paper), NONE)
    box = (float(columns.min()), float(columns.max()) + 1, float(rows.min()), float(rows.max()) + 1)
    return Scene(_colour(ink), _shape(inside, box), _colour(paper), _place(box))


def _colour(rgb: NDArray[np.float64]) -> str:
    distances = {name: float(np.linalg.norm(rgb - np.array(value))) for name, value in COLOURS.items()}
    name = min(distances, key=distances.__getitem__)
    return name if distances[name] <= _MAX_COLOUR_DISTANCE else NONE


def _place(box: tuple[float, float, float, float]) -> str:
    x, y = (box[0] + box[1]) / 2, (box[2] + box[3]) / 2
    return min(PLACES, key=lambda name: (PLACES[name][0] - x) ** 2 + (PLACES[name][1] - y) ** 2)


def _shape(inside: NDArray[np.float64], box: tuple[float, float, float, float]) -> str:
    overlaps = {shape: max(_overlap(inside, each) for each in _drawings(shape, box)) for shape in SHAPES}
    name = max(overlaps, key=overlaps.__getitem__)
    return name if overlaps[name] >= _MIN_OVERLAP else NONE


def _drawings(shape: str, box: tuple[float, float, float, float]) -> Iterator[NDArray[np.float64]]:
    """Draw *shape* so that it fills *box*, with a little play."""
    wide, top, bottom = _EXTENTS[shape]
    radius = ((box[1] - box[0]) / (2 * wide) + (box[3] - box[2]) / (bottom - top)) / 2
    x, y = (box[0] + box[1]) / 2, (box[2] + box[3]) / 2 - radius * (top + bottom) / 2
    for scale in (0.92, 1.0, 1.08):
        for dx in (-0.5, 0.0, 0.5):
            for dy in (-0.5, 0.0, 0.5):
                yield coverage(shape, x + dx, y + dy, min(radius * scale, SIDE))


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())
