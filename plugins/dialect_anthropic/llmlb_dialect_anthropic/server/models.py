"""What models take, by their names: the API refuses what a newer or an older one does not know.

Names may have something before them, as gateways write it; a model that is none of Anthropic's takes what the API had first.
"""

from __future__ import annotations

import re

_NO_THINKING = re.compile(r"claude-(?:2|instant|3-(?:opus|sonnet|haiku|5))")
_BEFORE_4_6 = re.compile(r"claude-(?:[123](?:[.-]|$)|instant|(?:opus|sonnet|haiku)-4(?:[.-][0-5](?!\d)|-20\d|@|$))")
_BEFORE_4_7 = re.compile(r"claude-(?:[123](?:[.-]|$)|instant|(?:opus|sonnet|haiku)-4(?:[.-][0-6](?!\d)|-20\d|@|$))")
_ONE_SAMPLER = re.compile(r"claude-(?:opus-4[.-]1|(?:opus|sonnet|haiku)-4[.-][56])(?!\d)")
_MOST_TOKENS = (
    (re.compile(r"claude-(?:2|instant|3-(?:opus|sonnet|haiku))"), 4096),
    (re.compile(r"claude-3-5"), 8192),
    (re.compile(r"claude-opus-4(?:[.-][01](?!\d)|-20\d|@|$)"), 32_000),
)

MAX_TOKENS = 16_384
MOST_TOKENS = 64_000


def takes_thinking(model: str) -> bool:
    """Whether *model* can be told to think."""
    return _NO_THINKING.search(model) is None


def takes_sampling(model: str) -> bool:
    """Whether *model* takes ``temperature``, ``top_p`` and ``top_k``: the reference has none of them for later ones."""
    return "claude" not in model or _BEFORE_4_7.search(model) is not None


def takes_one_sampler(model: str) -> bool:
    """Whether *model* refuses ``temperature`` and ``top_p`` together."""
    return _ONE_SAMPLER.search(model) is not None


def takes_budget(model: str) -> bool:
    """Whether *model* takes a number of tokens to think with; later ones are told an effort alone."""
    return takes_sampling(model)


def takes_effort(model: str) -> bool:
    """Whether *model* decides itself how much it thinks, by ``output_config.effort``; earlier ones are given a number of tokens."""
    return "claude" in model and _BEFORE_4_6.search(model) is None


def most_tokens(model: str) -> int:
    """Return how long an answer may be, thinking included; of models that are not listed it is not known to be less."""
    return next((most for name, most in _MOST_TOKENS if name.search(model)), MOST_TOKENS)


def default_max_tokens(model: str) -> int:
    """Return the limit of an answer where the client set none: the API demands one."""
    return min(MAX_TOKENS, most_tokens(model))
