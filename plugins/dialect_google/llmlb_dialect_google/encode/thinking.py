"""How much a model may think: levels from the third generation on, tokens before.

As Google's own OpenAI-compatible API maps them (https://ai.google.dev/gemini-api/docs/openai#thinking):

| effort | tokens | level |
|---|---|---|
| ``none`` | 0 | the lowest |
| ``minimal`` | 1,024 | the lowest: ``MINIMAL`` of flash-lite, ``LOW`` of others, which not all know the former |
| ``low`` | 1,024 | ``LOW`` |
| ``medium`` | 8,192 | ``MEDIUM`` |
| ``high``, ``xhigh``, ``max`` | 24,576 | ``HIGH`` |
"""

from __future__ import annotations

from typing import Any

from llmlb_core import ChatRequest
from llmlb_dialect_google.generation import generation_of

_TOKENS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
_LEVELS = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
_MEDIUM_TOKENS, _HIGH_TOKENS = 4096, 16_384
"""Fewer are the level before."""
_RANGES = {"flash-lite": (512, 24_576), "flash": (0, 24_576), "pro": (128, 32_768)}
"""Of generation 2.5: ``pro`` cannot be kept from thinking."""


def obeys(effort: str, model: str) -> bool:
    """Whether *model* can be told *effort*: a word that is known, and not to stop thinking where it always thinks."""
    return effort in _TOKENS and (effort != "none" or (generation_of(model) < 3 and "pro" not in model))


def thinking_config(request: ChatRequest, model: str) -> dict[str, Any] | None:
    """Return what *request* says of thinking; None where it says nothing, for models that do not think refuse every word of it.

    Thoughts are asked for where thinking was: they cost nothing more.
    """
    effort = request.reasoning_effort if request.reasoning_effort in _TOKENS else None
    tokens = request.thinking_tokens
    if effort is None and tokens is None:
        return None
    if generation_of(model) >= 3:
        level = _level(effort, tokens, model)
        return {"thinkingLevel": level, **({} if tokens == 0 or effort == "none" else {"includeThoughts": True})}
    budget = _TOKENS[effort or "none"] if tokens is None else tokens
    least, most = next((sizes for name, sizes in _RANGES.items() if name in model), (0, 24_576))
    if budget == 0:
        return {"thinkingBudget": least if "pro" in model else 0}
    return {"thinkingBudget": min(max(budget, least), most), "includeThoughts": True}


def _level(effort: str | None, tokens: int | None, model: str) -> str:
    lowest = "MINIMAL" if "flash-lite" in model else "LOW"
    if effort is not None and tokens is None:
        return _LEVELS.get(effort, lowest)
    tokens = tokens or 0
    if tokens >= _HIGH_TOKENS:
        return "HIGH"
    if tokens >= _MEDIUM_TOKENS:
        return "MEDIUM"
    return "LOW" if tokens else lowest
