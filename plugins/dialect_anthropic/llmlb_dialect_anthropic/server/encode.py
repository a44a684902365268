"""Canonical requests as bodies of ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from llmlb_core import ChatRequest, Tool
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_anthropic.server.messages import system_of, turns_of
from llmlb_dialect_anthropic.server.models import default_max_tokens, takes_effort, takes_sampling

LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}


def body_of(request: ChatRequest, model: str, *, stream: bool) -> bytes:
    """Return the body of a message.

    Raises:
        UnsupportedParameter: It has something without which it would mean something else.
    """
    limit = request.sampling.max_tokens
    max_tokens = default_max_tokens(model) if limit is None else limit
    body = {"model": model, "max_tokens": max_tokens, **_prompt(request), **_thinking(request, model, max_tokens)}
    if limit is None and "budget_tokens" in body.get("thinking", {}):
        body["max_tokens"] = max(max_tokens, body["thinking"]["budget_tokens"] + default_max_tokens(model))
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if takes_sampling(model):
        body |= _sampling(request, is_thinking=body.get("thinking", {}).get("type") == "enabled")
    if stream:
        body["stream"] = True
    return orjson.dumps(body)


def count_body_of(request: ChatRequest, model: str) -> bytes:
    """Return the body of a question for the tokens of a prompt."""
    return orjson.dumps({"model": model, **_prompt(request), **_thinking(request, model, default_max_tokens(model))})


def lacking(request: ChatRequest, model: str) -> tuple[str, ...]:
    """Return the canonical names of what *request* has and the API does not know."""
    sampling = request.sampling
    has = {
        "n": request.n != 1,
        "logprobs": request.logprobs,
        "seed": sampling.seed is not None,
        "presence_penalty": bool(sampling.presence_penalty),
        "frequency_penalty": bool(sampling.frequency_penalty),
        "repeat_penalty": sampling.repeat_penalty is not None,
        "logit_bias": bool(sampling.logit_bias),
        "min_p": sampling.min_p is not None,
        # Its reference has no free JSON: a schema, or words in the prompt.
        "response_format": request.response_format.type == "json_object",
    }
    if not takes_sampling(model):
        # 1 is what the API does anyway, and what official clients of other providers like to write.
        has |= {"temperature": sampling.temperature not in (None, 1), "top_p": sampling.top_p not in (None, 1)}
        has["top_k"] = sampling.top_k is not None
    return tuple(name for name, is_there in has.items() if is_there)


def _prompt(request: ChatRequest) -> dict[str, Any]:
    prompt: dict[str, Any] = {"messages": turns_of(request.messages, "anthropic")}
    system = system_of(request.messages)
    if system:
        prompt["system"] = system
    if request.tools:
        prompt["tools"] = [_tool(tool) for tool in _allowed(request)]
        choice = _tool_choice(request)
        if choice is not None:
            prompt["tool_choice"] = choice
    if request.response_format.type == "json_schema":
        schema = msgspec.json.decode(request.response_format.schema_json or "{}")
        prompt["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return prompt


def _allowed(request: ChatRequest) -> tuple[Tool, ...]:
    """Return the tools that may be called: the API can force one, and has no word for some of many."""
    names = request.tool_choice.names
    return request.tools if len(names) < 2 else tuple(tool for tool in request.tools if tool.name in names)


def _tool(tool: Tool) -> dict[str, Any]:
    schema = msgspec.json.decode(tool.parameters_json) if tool.parameters_json else {}
    if not isinstance(schema, dict):
        raise UnsupportedParameter(f"The parameters of tool '{tool.name}' are no JSON schema of an object.", param="tools")
    made: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **schema}}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.strict:
        made["strict"] = True
    return made


def _tool_choice(request: ChatRequest) -> dict[str, Any] | None:
    choice = request.tool_choice
    if choice.mode == "none":
        return {"type": "none"}
    made: dict[str, Any] = {"type": "any" if choice.mode == "required" else "auto"}
    if choice.mode == "required" and len(choice.names) == 1:
        made = {"type": "tool", "name": choice.names[0]}
    if not request.parallel_tool_calls:
        made["disable_parallel_tool_use"] = True
    return made if made != {"type": "auto"} else None


def _thinking(request: ChatRequest, model: str, max_tokens: int) -> dict[str, Any]:
    """Return how much the model is to think: tokens where the client counts them, effort where it does not."""
    tokens, effort = request.thinking_tokens, request.reasoning_effort
    if tokens == 0 or (tokens is None and effort == "none"):
        return {"thinking": {"type": "disabled"}}
    if tokens is None and effort is not None:
        if takes_effort(model):
            config = {"effort": _EFFORTS.get(effort, effort)}
            if request.response_format.type == "json_schema":
                config["format"] = _prompt(request)["output_config"]["format"]
            return {"thinking": {"type": "adaptive"}, "output_config": config}
        tokens = _BUDGETS.get(effort, _BUDGETS["medium"])
    if tokens is None:
        return {}
    if request.sampling.max_tokens is not None:
        if max_tokens <= LEAST_BUDGET:
            return {}  # an answer so short leaves no room for thinking
        tokens = min(tokens, max_tokens - 1)
    return {"thinking": {"type": "enabled", "budget_tokens": max(tokens, LEAST_BUDGET)}}


def _sampling(request: ChatRequest, *, is_thinking: bool) -> dict[str, Any]:
    sampling, made = request.sampling, {}
    if is_thinking:
        return {}  # the API takes none beside thinking, but for what it does anyway
    if sampling.temperature is not None:
        if sampling.temperature > 1:
            raise UnsupportedParameter(
                f"This provider takes a temperature from 0 to 1, not {sampling.temperature:g}.", param="temperature"
            )
        made["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        made["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        made["top_k"] = sampling.top_k
    return made
