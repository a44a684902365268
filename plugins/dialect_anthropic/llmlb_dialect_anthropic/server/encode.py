"""Canonical requests as bodies of ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from llmlb_core import ChatRequest, Tool
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_anthropic.server.messages import system_of, turns_of
from llmlb_dialect_anthropic.server.models import default_max_tokens, most_tokens, takes_one_sampler, takes_sampling
from llmlb_dialect_anthropic.server.thinking import LEAST_BUDGET, effort_of, lacks_thinking, thinking_of

LEAST_TOP_P = 0.95
"""The API takes no less beside thinking, and one so high is about what it does anyway."""


def body_of(request: ChatRequest, model: str, *, stream: bool) -> bytes:
    """Return the body of a message.

    Raises:
        UnsupportedParameter: It has something without which it would mean something else.
    """
    limit, prompt = request.sampling.max_tokens, _prompt(request, model)
    thinking = prompt.get("thinking", {})
    if limit is None:
        limit = default_max_tokens(model)
        if "budget_tokens" in thinking:
            budget = thinking["budget_tokens"]
            limit = max(min(limit + budget, most_tokens(model)), budget + LEAST_BUDGET)
    body = {"model": model, "max_tokens": limit, **prompt}
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if takes_sampling(model):
        body |= _sampling(request, model, is_thinking=_is_on(thinking))
    if stream:
        body["stream"] = True
    return orjson.dumps(body)


def count_body_of(request: ChatRequest, model: str) -> bytes:
    """Return the body of a question for the tokens of a prompt."""
    return orjson.dumps({"model": model, **_prompt(request, model)})


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
    temperature, top_p = sampling.temperature, sampling.top_p
    # 1 is what the API does anyway, and what official clients of other providers like to write.
    if not takes_sampling(model):
        has |= {"temperature": temperature not in (None, 1), "top_p": top_p not in (None, 1), "top_k": sampling.top_k is not None}
    elif _is_on(thinking_of(request, model) or {}):
        has |= {"temperature": temperature not in (None, 1), "top_k": sampling.top_k is not None}
        has["top_p"] = top_p is not None and top_p < LEAST_TOP_P
    elif takes_one_sampler(model):
        has["top_p"] = temperature not in (None, 1) and top_p not in (None, 1)
    if lacks_thinking(request, model):
        has["reasoning_effort" if request.thinking_tokens is None else "thinking_tokens"] = True
    return tuple(name for name, is_there in has.items() if is_there)


def _prompt(request: ChatRequest, model: str) -> dict[str, Any]:
    prompt: dict[str, Any] = {"messages": turns_of(request.messages, "anthropic")}
    system = system_of(request.messages)
    if system:
        prompt["system"] = system
    if request.tools:
        prompt["tools"] = [_tool(tool) for tool in _allowed(request)]
        choice = _tool_choice(request)
        if choice is not None:
            prompt["tool_choice"] = choice
    config: dict[str, Any] = {}
    effort, thinking = effort_of(request, model), thinking_of(request, model)
    if effort is not None:
        config["effort"] = effort
    if request.response_format.type == "json_schema":
        schema = msgspec.json.decode(request.response_format.schema_json or "{}")
        config["format"] = {"type": "json_schema", "schema": schema}
    if config:
        prompt["output_config"] = config
    if thinking is not None:
        prompt["thinking"] = thinking
    return prompt


def _is_on(thinking: Mapping[str, Any]) -> bool:
    return thinking.get("type") in ("enabled", "adaptive")


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


def _sampling(request: ChatRequest, model: str, *, is_thinking: bool) -> dict[str, Any]:
    sampling, made = request.sampling, {}
    temperature, top_p = sampling.temperature, sampling.top_p
    if is_thinking:
        return {}  # the API takes none beside thinking, but for what it does anyway
    if temperature is not None and top_p is not None and takes_one_sampler(model):
        temperature, top_p = (None, top_p) if temperature == 1 and top_p != 1 else (temperature, None)
    if temperature is not None:
        if temperature > 1:
            raise UnsupportedParameter(f"This provider takes a temperature from 0 to 1, not {temperature:g}.", param="temperature")
        made["temperature"] = temperature
    if top_p is not None:
        made["top_p"] = top_p
    if sampling.top_k is not None:
        made["top_k"] = sampling.top_k
    return made
