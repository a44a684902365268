"""What models take, by their names: the API refuses what a newer or an older one does not know."""

from __future__ import annotations

import re

_BEFORE_4_6 = re.compile(r"claude-(?:[123](?:[.-]|$)|instant|(?:opus|sonnet|haiku)-4(?:-[0-5](?:-|$)|-2025|$))")
_WITH_SAMPLING = re.compile(r"claude-(?:[123](?:[.-]|$)|instant|(?:opus|sonnet|haiku)-4(?:-[0-6](?:-|$)|-2025|$))")
_SHORT = re.compile(r"claude-(?:3-(?:opus|sonnet|haiku)|2|instant)")

MAX_TOKENS = 16_384
MAX_TOKENS_OF_OLD = 4096


def takes_sampling(model: str) -> bool:
    """Whether *model* takes ``temperature``, ``top_p`` and ``top_k``: the reference has none of them for later ones."""
    return _WITH_SAMPLING.match(model) is not None


def takes_effort(model: str) -> bool:
    """Whether *model* decides itself how much it thinks, by ``output_config.effort``; earlier ones are given a number of tokens."""
    return _BEFORE_4_6.match(model) is None


def default_max_tokens(model: str) -> int:
    """Return the limit of an answer where the client set none: the API demands one."""
    return MAX_TOKENS_OF_OLD if _SHORT.match(model) else MAX_TOKENS
