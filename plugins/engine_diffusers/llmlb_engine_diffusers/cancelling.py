"""Cancels that are heeded within a step: one of a large model takes seconds on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llmlb_core import Cancel


class Cancelled(Exception):
    """Nobody wants the picture any more."""


@contextmanager
def interruptible(pipe: Any, cancel: Cancel) -> Iterator[None]:
    """Raise ``Cancelled`` in the middle of what *pipe* computes, at the next of its blocks, once *cancel* is set.

    Some microseconds a block, of which a step has some dozens to hundreds.
    """
    import torch

    def look(_module: object, _inputs: object) -> None:
        if cancel.is_set:
            raise Cancelled

    parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    blocks = [module for part in parts for module in part.modules() if next(module.children(), None) is not None]
    hooks = [block.register_forward_pre_hook(look) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
