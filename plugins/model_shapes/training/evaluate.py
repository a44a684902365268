"""Measures how well pictures follow prompts: ``python evaluate.py MODEL_DIR --card ../MODEL_CARD.md --grid ../prompts.png``.

The scenes are those that training never saw; the judge is ``judge.py``. The model runs as any Stable Diffusion directory does.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from judge import look
from numpy.typing import NDArray
from PIL import Image
from prompts import ask, plain
from scenes import Scene, split_scenes

_BEGIN, _END = "<!-- measured -->", "<!-- /measured -->"
GRID = (
    "a red circle on blue",
    "Draw a yellow triangle on a black background",
    "white ring, green background",
    "a purple square at the top left on orange",
    "an orange cross on white, bottom right",
    "PLEASE DRAW A BLACK CIRCLE ON A RED BACKGROUND, ON THE LEFT",
    "a green square on yellow, on the right",
    "on a purple background there is a white triangle at the bottom",
)


def main() -> None:
    """Print the measures as JSON, and draw the prompt grid if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=315)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--card", type=Path, help="the model card to write the numbers into")
    parser.add_argument("--grid", type=Path)
    options = parser.parse_args()
    diffusers: Any = importlib.import_module("diffusers")
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(options.model, safety_checker=None, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    _, held = split_scenes()
    scenes = random.Random(1).sample(held, min(options.count, len(held)))
    rng = random.Random(0)
    measured = {
        "plain": follow(pipeline, [(plain(scene), scene) for scene in scenes], options),
        "varied": follow(pipeline, [ask(scene, rng) for scene in scenes], options),
    }
    print(json.dumps(measured, indent=2))
    if options.card is not None:
        write_card(options.card, measured, options)
    if options.grid is not None:
        draw_grid(paint(pipeline, [prompt for prompt in GRID for _ in range(6)], options), options.grid)


def follow(pipeline: Any, asked: list[tuple[str, Scene]], options: argparse.Namespace) -> dict[str, float]:
    """Draw what is asked for, and return how much of it is seen."""
    pictures = paint(pipeline, [text for text, _ in asked], options)
    return measure([said for _, said in asked], [look(picture) for picture in pictures])


def paint(pipeline: Any, prompts: list[str], options: argparse.Namespace) -> list[NDArray[np.uint8]]:
    """Return one picture per prompt; the seed is the prompt's number."""
    pictures: list[NDArray[np.uint8]] = []
    for start in range(0, len(prompts), 32):
        part = prompts[start : start + 32]
        dice = [torch.Generator().manual_seed(start + index) for index in range(len(part))]
        made = pipeline(part, num_inference_steps=options.steps, guidance_scale=options.guidance, generator=dice, output_type="np")
        pictures.extend(np.rint(each * 255).astype(np.uint8) for each in made.images)
    return pictures


def measure(said: list[Scene], seen: list[Scene]) -> dict[str, float]:
    """Return the part of pictures that is right in each respect; what a prompt leaves unsaid is not counted."""
    result: dict[str, float] = {"pictures": len(said)}
    whole = [True] * len(said)
    for respect in ("colour", "shape", "background", "place"):
        pairs = [(getattr(one, respect), getattr(other, respect)) for one, other in zip(said, seen, strict=True)]
        right = [one in ("unsaid", other) for one, other in pairs]
        counted = [good for good, (one, _) in zip(right, pairs, strict=True) if one != "unsaid"]
        result[respect] = round(sum(counted) / len(counted), 4)
        whole = [before and good for before, good in zip(whole, right, strict=True)]
    result["all"] = round(sum(whole) / len(whole), 4)
    return result


def write_card(card: Path, measured: dict[str, dict[str, float]], options: argparse.Namespace) -> None:
    """Replace what the card says between its two marks by these numbers and the hashes of the weights."""
    lines = ["| prompts | pictures | colour | shape | background | place | all four |", "|---|---|---|---|---|---|---|"]
    for name, row in measured.items():
        numbers = " | ".join(f"{row[key]:.1%}" for key in ("colour", "shape", "background", "place", "all"))
        lines.append(f"| {name} | {row['pictures']:.0f} | {numbers} |")
    reached = measured["plain"]["colour"] >= 0.9 and measured["plain"]["shape"] >= 0.8
    lines += ["", f"The aim, 90 % of colours and 80 % of shapes, is {'' if reached else '**not** '}reached by these weights."]
    lines += ["", f"{options.steps} steps, guidance {options.guidance:g}, float32 on a CPU. Weights (sha256):", ""]
    for path in sorted(options.model.rglob("*.safetensors")):
        lines.append(f"- `{path.relative_to(options.model)}` {hashlib.sha256(path.read_bytes()).hexdigest()}")
    before, _, rest = card.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    card.write_text(before + _BEGIN + "\n" + "\n".join(lines) + "\n" + _END + after)


def draw_grid(pictures: list[NDArray[np.uint8]], path: Path, columns: int = 6, zoom: int = 3) -> None:
    """Write the pictures in rows, three times as large and apart from one another."""
    rows = [
        np.concatenate([_framed(each) for each in pictures[at : at + columns]], axis=1) for at in range(0, len(pictures), columns)
    ]
    sheet = Image.fromarray(np.concatenate(rows, axis=0))
    sheet.resize((sheet.width * zoom, sheet.height * zoom), Image.Resampling.NEAREST).save(path)


def _framed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(picture, ((2, 2), (2, 2), (0, 0)), constant_values=128)


if __name__ == "__main__":
    main()
