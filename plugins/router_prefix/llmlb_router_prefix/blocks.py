"""A prompt as a chain of numbers: one for each block, which stands for everything up to its end."""

from __future__ import annotations

from collections import OrderedDict
from zlib import crc32

from attrs import frozen

from llmlb_core import Call

SMALL_BYTES = 256
LARGE_BYTES = 1024
SMALL_COUNT = 16
LARGE_COUNT = 64
TOKEN_BYTES = 4
"""Of text, for each token."""

MAX_REMEMBERED = 1024
_MARKS = (b'"messages"', b'"input"', b'"prompt"')

ENDS = tuple(
    [SMALL_BYTES * (n + 1) for n in range(SMALL_COUNT)]
    + [SMALL_BYTES * SMALL_COUNT + LARGE_BYTES * (n + 1) for n in range(LARGE_COUNT)]
)
"""Where blocks end: small ones first, which tell short system prompts apart; then large ones, so that long prompts stay cheap."""


@frozen
class Prompt:
    """One call's prompt.

    Attributes:
        keys: One for each whole block.
        size_bytes: Of all of it, also beyond the last block.
    """

    keys: tuple[int, ...]
    size_bytes: int


class Blocks:
    """Reads prompts. The text is looked for, not parsed: what matters is only that prompts which begin alike give equal numbers.

    Keeps the latest, because a call is read once to score it and once to remember it, and again while it waits.
    """

    def __init__(self) -> None:
        """Have read nothing."""
        self._prompts: OrderedDict[str, Prompt] = OrderedDict()

    def read(self, call: Call) -> Prompt:
        """Return the prompt of *call*."""
        prompt = self._prompts.get(call.id)
        if prompt is None:
            prompt = self._prompts[call.id] = read_prompt(call.model, call.body)
            if len(self._prompts) > MAX_REMEMBERED:
                self._prompts.popitem(last=False)
        return prompt


def read_prompt(model: str, body: bytes) -> Prompt:
    """Return the blocks of a body for *model*; prompts of different models share none."""
    begin = next((place for mark in _MARKS if (place := body.find(mark)) >= 0), len(body))
    size = len(body) - begin
    view = memoryview(body)[begin:]
    number = crc32(model.encode())
    keys = []
    start = 0
    for place, end in enumerate(ENDS):
        if end > size:
            break
        number = crc32(view[start:end], number)
        # 32 bits alone would meet by chance once in some 10,000 prompts; the place makes that rarer still.
        keys.append(number << 8 | place)
        start = end
    return Prompt(tuple(keys), size)
