"""How much a model is to think: tokens where the client counts them, effort where it does not."""

from __future__ import annotations

from typing import Any

from llmlb_core import ChatRequest
from llmlb_dialect_anthropic.server.models import most_tokens, takes_budget, takes_effort, takes_thinking

LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
_EFFORTS = {"minimal": "low"}


def thinking_of(request: ChatRequest, model: str) -> dict[str, Any] | None:
    """Return the member ``thinking``; None where nothing is to be said."""
    tokens, effort = request.thinking_tokens, request.reasoning_effort
    if not takes_thinking(model):
        return None
    if tokens == 0 or (tokens is None and effort == "none"):
        return {"type": "disabled"}
    if (tokens is None and effort is None) or request.tool_choice.mode == "required":
        return None  # the API thinks before no tool that it is forced to call
    if not takes_budget(model) or (tokens is None and takes_effort(model)):
        return {"type": "adaptive"}
    limit = request.sampling.max_tokens
    if limit is not None and limit <= LEAST_BUDGET:
        return None  # an answer so short leaves no room for thinking
    if tokens is None:
        tokens = min(_BUDGETS.get(effort or "", _BUDGETS["medium"]), most_tokens(model) * 3 // 4)
        tokens = tokens if limit is None else min(tokens, limit // 2)
    tokens = tokens if limit is None else min(tokens, limit - 1)
    return {"type": "enabled", "budget_tokens": max(tokens, LEAST_BUDGET)}


def effort_of(request: ChatRequest, model: str) -> str | None:
    """Return the member ``effort`` of ``output_config``; None where nothing is to be said."""
    tokens, effort = request.thinking_tokens, request.reasoning_effort
    if tokens == 0 or not takes_effort(model):
        return None
    if tokens is not None:
        if takes_budget(model):
            return None
        return "low" if tokens < _BUDGETS["medium"] else "medium" if tokens < _BUDGETS["high"] else "high"
    return None if effort in (None, "none") else _EFFORTS.get(effort, effort)


def lacks_thinking(request: ChatRequest, model: str) -> bool:
    """Whether the client wants thinking and *model* cannot be told so, or not with this choice among tools."""
    tokens, effort = request.thinking_tokens, request.reasoning_effort
    if tokens == 0 or (tokens is None and effort in (None, "none")):
        return False
    return not takes_thinking(model) or (request.tool_choice.mode == "required" and effort_of(request, model) is None)
