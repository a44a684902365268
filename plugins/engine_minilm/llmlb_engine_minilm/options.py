"""The options of this engine: the table ``[models."<id>".options]``."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen


@frozen
class MiniLMOptions:
    """How one model makes its vectors. Whoever sets nothing gets what sentence-transformers does."""

    pooling: Literal["mean", "cls"] = field(
        default="mean", metadata={"help": "How token vectors become one: their mean, or the first, as BGE models want it."}
    )
    truncate_dimensions: bool = field(
        default=False,
        metadata={"help": "Allow `dimensions` below the model's own: only right for models trained for it (Matryoshka)."},
    )
