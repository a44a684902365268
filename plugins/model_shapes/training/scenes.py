"""What a picture shows, and how it is drawn: one flat shape on a flat background, with soft edges.

Everything is drawn by formula from a seed; no picture comes from anywhere else.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 32
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 70, 220),
    "yellow": (245, 215, 50),
    "purple": (140, 50, 170),
    "orange": (245, 135, 25),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "cross", "ring")
PLACES: dict[str, tuple[float, float]] = {
    "center": (16, 16),
    "left": (9, 16),
    "right": (23, 16),
    "top": (16, 9),
    "bottom": (16, 23),
    "top left": (9, 9),
    "top right": (23, 9),
    "bottom left": (9, 23),
    "bottom right": (23, 23),
}
_SAMPLES = 4


@dataclass(frozen=True)
class Scene:
    """What one picture shows, in words of the tables above."""

    colour: str
    shape: str
    background: str
    place: str


def all_scenes() -> list[Scene]:
    """Return every scene whose shape differs from its background in colour: 2520."""
    return [
        Scene(colour, shape, background, place)
        for colour, shape, background, place in itertools.product(COLOURS, SHAPES, COLOURS, PLACES)
        if colour != background
    ]


def split_scenes(seed: int = 6) -> tuple[list[Scene], list[Scene]]:
    """Return the scenes that are trained on, and the eighth of them that is held out."""
    scenes = all_scenes()
    random.Random(seed).shuffle(scenes)
    held = len(scenes) // 8
    return scenes[held:], scenes[:held]


def draw(scene: Scene, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    """Return *scene* as ``[SIDE, SIDE, 3]``; with *rng* a little off in place, size and colour, as training wants it."""
    jitter = rng.uniform(-1, 1, 9) if rng is not None else np.zeros(9)
    x, y = PLACES[scene.place]
    inside = coverage(scene.shape, x + jitter[0], y + jitter[1], 6.2 + 0.7 * jitter[2])
    ink = np.array(COLOURS[scene.colour]) + 6 * jitter[3:6]
    paper = np.array(COLOURS[scene.background]) + 6 * jitter[6:9]
    picture = paper + (ink - paper) * inside[:, :, None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def coverage(shape: str, x: float, y: float, radius: float) -> NDArray[np.float64]:
    """Return which part of each pixel the shape covers, ``[SIDE, SIDE]`` in [0, 1]."""
    ticks = (np.arange(SIDE * _SAMPLES) + 0.5) / _SAMPLES
    across, down = np.meshgrid((ticks - x) / radius, (ticks - y) / radius)
    hit = _inside(shape, across, down)
    part: NDArray[np.float64] = hit.reshape(SIDE, _SAMPLES, SIDE, _SAMPLES).mean(axis=(1, 3))
    return part


def _inside(shape: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell for points in the shape's own coordinates whether they are in it."""
    match shape:
        case "circle":
            return x * x + y * y <= 1
        case "square":
            return np.maximum(abs(x), abs(y)) <= 0.9
        case "triangle":
            return (y <= 0.85) & (y >= 2 * abs(x) - 1.05)
        case "cross":
            return (np.maximum(abs(x), abs(y)) <= 1) & (np.minimum(abs(x), abs(y)) <= 0.33)
        case "ring":
            square = x * x + y * y
            return (square <= 1) & (square >= 0.55**2)
    raise ValueError(f"no shape {shape!r}; there are {', '.join(SHAPES)}")
