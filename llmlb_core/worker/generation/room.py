"""How many tokens may be generated after a prompt."""

from __future__ import annotations

from llmlb_core.contracts.engine import TextEngine
from llmlb_core.domain.chat import Sampling
from llmlb_core.errors import ContextLengthExceeded

DEFAULT_MAX_TOKENS = 65536
"""For an engine without a context limit and a request without one: nothing grows without a bound."""


def room_after(engine: TextEngine, prompt_tokens: int, sampling: Sampling, *, param: str) -> int:
    """Return how many tokens to generate: what was asked for, at most what the context leaves.

    Args:
        engine: Whose context it is.
        prompt_tokens: How many tokens stand in it already.
        sampling: What was asked for.
        param: The request's parameter that holds the prompt, for the error.

    Raises:
        ContextLengthExceeded: The prompt alone fills the context.
    """
    context_tokens = engine.context_tokens
    wanted = sampling.max_tokens
    if context_tokens is None:
        return DEFAULT_MAX_TOKENS if wanted is None else wanted
    if prompt_tokens >= context_tokens:
        error = ContextLengthExceeded(prompt_tokens=prompt_tokens, context_tokens=context_tokens)
        error.param = param
        raise error
    left = context_tokens - prompt_tokens
    return left if wanted is None else min(wanted, left)
