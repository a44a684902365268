"""The part that reads prompts: a small CLIP text model, taught to tell what a prompt says before any picture is drawn.

It is trained on text alone with four linear heads (colour, shape, background, place) on each position from the end token on,
and then kept as it is: the picture model sees prompts that are already understood.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from prompts import UNSAID, WORDS, ask
from scenes import COLOURS, PLACES, SHAPES, Scene
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TOKENS = 40
WIDTH = 128
ANSWERS = ((*COLOURS, UNSAID), (*SHAPES, UNSAID), (*COLOURS, UNSAID), (*PLACES, UNSAID))
_NOTHING = Scene(UNSAID, UNSAID, UNSAID, UNSAID)


def make_tokenizer() -> Any:
    """Return a CLIP tokenizer that knows ``WORDS`` whole and every byte of anything else."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?-'\"():;/"
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1}
    for end in ("", "</w>"):
        for letter in letters:
            vocabulary[letter + end] = len(vocabulary)
    merges: list[tuple[str, str]] = []
    for word in sorted(WORDS):
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:  # from the end, so that no word's merges eat into another's beginning
            merge = (parts[-2], parts[-1])
            if merge not in merges:
                merges.append(merge)
                vocabulary.setdefault("".join(merge), len(vocabulary))
            parts[-2:] = ["".join(merge)]
    tokenizer: Any = CLIPTokenizer
    return tokenizer(vocab=vocabulary, merges=merges, model_max_length=TOKENS)


def make_reader(tokenizer: Any) -> CLIPTextModel:
    """Return the text model, untrained."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            hidden_act="gelu",
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def tokens_of(tokenizer: Any, prompts: list[str]) -> torch.Tensor:
    """Return token ids ``[n, TOKENS]``, as a Stable Diffusion pipeline makes them."""
    padded = tokenizer(prompts, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt")
    ids: torch.Tensor = padded.input_ids
    return ids


def teach(reader: CLIPTextModel, tokenizer: Any, scenes: list[Scene], *, steps: int, batch: int = 64, seed: int = 6) -> float:
    """Train *reader* for *steps*, and return which part of the last prompts it read wholly right."""
    rng = random.Random(seed)
    heads = nn.ModuleList([nn.Linear(WIDTH, len(answers)) for answers in ANSWERS])
    optimizer = torch.optim.AdamW([*reader.parameters(), *heads.parameters()], lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.05)
    right = 0.0
    for step in range(steps):
        asked = [("", _NOTHING) if rng.random() < 0.02 else ask(rng.choice(scenes), rng) for _ in range(batch)]
        ids = tokens_of(tokenizer, [text for text, _ in asked])
        wanted = torch.tensor([_answers(said) for _, said in asked])
        hidden = reader(input_ids=ids).last_hidden_state
        ended = (ids == 1).float()
        loss, correct = torch.zeros(()), torch.ones(batch, dtype=torch.bool)
        for index, head in enumerate(heads):
            scores = head(hidden)
            target = wanted[:, index, None].expand(-1, TOKENS)
            losses = nn.functional.cross_entropy(scores.transpose(1, 2), target, reduction="none")
            loss = loss + (losses * ended).sum() / ended.sum()
            correct &= scores[:, -1].argmax(-1) == wanted[:, index]
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        right = 0.95 * right + 0.05 * correct.float().mean().item()
        if step % 100 == 99:
            print(f"reader step {step + 1} loss {loss.item():.3f} right {right:.3f}", flush=True)
    return right


def _answers(said: Scene) -> list[int]:
    words = (said.colour, said.shape, said.background, said.place)
    return [answers.index(word) for answers, word in zip(ANSWERS, words, strict=True)]
