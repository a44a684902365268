"""Trains the model: first the reader of prompts, then the painter of pictures. Goes on where it stopped with ``--resume``.

``python training/train.py --state DIR --minutes 75`` writes ``DIR/state.pt`` every two minutes,
and ``export.py`` makes the model of it.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from painter import make_painter, make_schedule
from prompts import ask
from reader import make_reader, make_tokenizer, teach, tokens_of
from scenes import draw, split_scenes

SEED = 6
EMPTY_0_1 = 0.1
"""Part of the pictures that are learnt without their prompt, for guidance."""


def main() -> None:
    """Train until ``--minutes`` of training are spent, over all runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--reader-steps", type=int, default=500)
    parser.add_argument("--pool", type=int, default=24_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    options.state.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    reader = make_reader(tokenizer)
    path = options.state / "state.pt"
    state: dict[str, Any] | None = torch.load(path, weights_only=True) if options.resume and path.exists() else None
    scenes, _ = split_scenes()
    if state is None:
        right = teach(reader, tokenizer, scenes, steps=options.reader_steps)
        print(f"reader right {right:.4f}", flush=True)
        torch.save({"reader": reader.state_dict()}, path)
    else:
        reader.load_state_dict(state["reader"])
    paint(options, path, tokenizer, reader, state)


def make_pool(tokenizer: Any, reader: Any, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return *count* pictures ``[n, 3, 32, 32]`` uint8, what the reader makes of their prompts, and of no prompt."""
    scenes, _ = split_scenes()
    rng, jitter = random.Random(SEED), np.random.default_rng(SEED)
    chosen = [scenes[index % len(scenes)] for index in range(count)]
    pictures = torch.from_numpy(np.stack([draw(scene, jitter) for scene in chosen])).permute(0, 3, 1, 2).contiguous()
    ids = tokens_of(tokenizer, [ask(scene, rng)[0] for scene in chosen])
    with torch.no_grad():
        read = torch.cat([reader(input_ids=part).last_hidden_state.half() for part in torch.split(ids, 256)])
        nothing = reader(input_ids=tokens_of(tokenizer, [""])).last_hidden_state
    return pictures, read, nothing


def paint(options: argparse.Namespace, path: Path, tokenizer: Any, reader: Any, state: dict[str, Any] | None) -> None:
    """Train the painter; the learning rate falls with the time spent, so a run ends well whenever ``--minutes`` says."""
    pictures, read, nothing = make_pool(tokenizer, reader.eval(), options.pool)
    painter, schedule = make_painter(), make_schedule()
    average = copy.deepcopy(painter)
    optimizer = torch.optim.AdamW(painter.parameters(), lr=options.rate, weight_decay=0.01, betas=(0.9, 0.99))
    parts = {"reader": reader, "painter": painter, "average": average, "optimizer": optimizer}
    step, spent_s = 0, 0.0
    if state is not None and "painter" in state:
        painter.load_state_dict(state["painter"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent_s = state["step"], state["spent_s"]
    dice = torch.Generator().manual_seed(SEED + step)
    begun, saved, losses = time.monotonic() - spent_s, time.monotonic(), []
    while (spent_s := time.monotonic() - begun) < options.minutes * 60:
        done = spent_s / (options.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        index = torch.randint(len(pictures), (options.batch,), generator=dice)
        clean = pictures[index].float() / 127.5 - 1
        words = read[index].float()
        words[torch.rand(options.batch, generator=dice) < EMPTY_0_1] = nothing[0]
        noise = torch.randn(clean.shape, generator=dice)
        times = pick_times(options.batch, dice)
        noisy = schedule.add_noise(clean, noise, times)
        with torch.autocast("cpu", torch.bfloat16):
            guess = painter(noisy, times, words).sample
        wrong = (guess.float() - schedule.get_velocity(clean, noise, times)) ** 2
        loss = (wrong * weights_of(clean)).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(painter.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(0.995, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, now in zip(average.parameters(), painter.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step} minutes {spent_s / 60:.1f} loss {np.mean(losses[-50:]):.4f}", flush=True)
        if time.monotonic() - saved > 120:
            save(path, parts, step, spent_s)
            saved = time.monotonic()
    save(path, parts, step, spent_s)
    print(f"done at step {step}", flush=True)


def pick_times(count: int, dice: torch.Generator) -> torch.Tensor:
    """Return steps of the noise schedule; eight in ten are from its noisier part, where it is decided what a picture shows."""
    noisier = torch.rand(count, generator=dice) < 0.6
    return torch.where(noisier, torch.randint(400, 1000, (count,), generator=dice), torch.randint(1000, (count,), generator=dice))


def weights_of(clean: torch.Tensor) -> torch.Tensor:
    """Return how much each pixel counts, ``[n, 1, 32, 32]``, 1 on average.

    A pixel of the shape counts as five of the background, which is nine tenths of a picture and learnt at once.
    What is best for each pixel stays the same.
    """
    differs = ((clean - clean[:, :, :1, :1]).abs().amax(1, keepdim=True) > 0.15).float()
    weights = 1 + 4 * torch.nn.functional.max_pool2d(differs, 3, stride=1, padding=1)
    return weights / weights.mean(dim=(2, 3), keepdim=True)


def save(path: Path, parts: dict[str, Any], step: int, spent_s: float) -> None:
    """Write the state whole or not at all."""
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**states, "step": step, "spent_s": spent_s}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    main()
