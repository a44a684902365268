"""What a request means for an engine: prompts, and the sequences that continue them."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from llmlb_core.contracts.engine import TextRequest
from llmlb_core.worker.chat_format.pieces import Parser


@frozen
class Sequence:
    """One choice to be generated.

    Attributes:
        prompt_index: Which of the plan's prompts it continues.
        echo: Text the answer begins with, the prompt itself.
        parsers: Makes the parsers of its raw text, new for each sequence.
    """

    choice: int
    prompt_index: int
    request: TextRequest
    echo: str = ""
    parsers: Callable[[], tuple[Parser, ...]] = field(default=tuple, repr=False)


@frozen
class Plan:
    """All sequences of one request.

    Attributes:
        prompt_tokens: How many tokens each prompt has, by the engine's tokenizer.
    """

    sequences: tuple[Sequence, ...]
    prompt_tokens: tuple[int, ...]
