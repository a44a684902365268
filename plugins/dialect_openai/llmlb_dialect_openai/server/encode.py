"""Canonical requests as bodies of ``/chat/completions``, ``/completions`` and ``/embeddings``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from llmlb_core import ChatRequest, CompletionRequest, EmbeddingRequest, Sampling, Tool
from llmlb_dialect_openai.server.messages import messages_of

Json = dict[str, Any]

_REASONING = re.compile(r"(?:o\d|gpt-[5-9])(?:[-.\w]*)$")
_WITHOUT_EFFORT = re.compile(r"(?:gpt-[34]|chatgpt|text-|davinci|babbage)")
_OWN = re.compile(r"(?:o\d|gpt-\d|chatgpt|codex|ft:)")
"""OpenAI's own models, which know sets of allowed tools; of others the tools that are not allowed are left out."""
_MAX_USER = 64
"""Characters of a user's name that OpenAI takes; clients of other APIs write longer ones."""
_LOW, _MEDIUM = 1024, 8192
"""Tokens of thinking up to which an effort is called so."""


def chat_body(request: ChatRequest, model: str, *, stream: bool) -> bytes:
    """Return the body of a chat."""
    body: Json = {"model": model, "messages": messages_of(request.messages)}
    body |= _sampled(request.sampling, model) | _asked(request, model)
    effort = effort_of(request, model)
    if effort is not None:
        body["reasoning_effort"] = effort
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body)


def completion_body(request: CompletionRequest, model: str, *, stream: bool) -> bytes:
    """Return the body of a completion."""
    prompts = [each if isinstance(each, str) else list(each) for each in request.prompts]
    body: Json = {"model": model, "prompt": prompts[0] if len(prompts) == 1 else prompts}
    body |= _sampled(request.sampling, "")
    said: Mapping[str, object] = {"n": request.n if request.n != 1 else None, "stop": list(request.stop) or None}
    body |= {name: value for name, value in said.items() if value is not None}
    if request.logprobs:
        body["logprobs"] = request.top_logprobs
    if request.echo:
        body["echo"] = True
    if request.suffix is not None:
        body["suffix"] = request.suffix
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body)


def embedding_body(request: EmbeddingRequest, model: str) -> bytes:
    """Return the body of a question for vectors, as base64: a quarter of what numbers in decimals take."""
    inputs = [each if isinstance(each, str) else list(each) for each in request.inputs]
    body: Json = {"model": model, "input": inputs[0] if len(inputs) == 1 else inputs, "encoding_format": "base64"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return orjson.dumps(body)


def lacking(request: object) -> tuple[str, ...]:
    """Return the canonical names of what the public reference has no word for; some servers do, each with its own."""
    if not isinstance(request, ChatRequest | CompletionRequest):
        return ()
    sampling = request.sampling
    has = {"top_k": sampling.top_k, "min_p": sampling.min_p, "repeat_penalty": sampling.repeat_penalty}
    return tuple(name for name, value in has.items() if value is not None)


def effort_of(request: ChatRequest, model: str) -> str | None:
    """Return how much is to be thought, in the API's words, which knows no number of tokens."""
    if request.reasoning_effort is not None:
        return request.reasoning_effort
    tokens = request.thinking_tokens
    if not tokens or _WITHOUT_EFFORT.match(model):
        return None
    return "low" if tokens <= _LOW else "medium" if tokens <= _MEDIUM else "high"


def _sampled(sampling: Sampling, model: str) -> Json:
    said: Mapping[str, object] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "seed": sampling.seed,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias} or None,
        # Models that think refuse the older name, and many servers know no other.
        "max_completion_tokens" if _REASONING.match(model) else "max_tokens": sampling.max_tokens,
    }
    return {name: value for name, value in said.items() if value is not None}


def _asked(request: ChatRequest, model: str) -> Json:
    body: Json = {}
    if request.n != 1:
        body["n"] = request.n
    if request.stop:
        body["stop"] = list(request.stop)
    if request.logprobs:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.user is not None:
        body["user"] = (
            request.user if len(request.user) <= _MAX_USER else sha256(request.user.encode("utf-8", "replace")).hexdigest()
        )
    return body | _tools(request, model) | _format(request)


def _tools(request: ChatRequest, model: str) -> Json:
    if not request.tools:
        return {}
    choice, tools = _choice(request), request.tools
    if isinstance(choice, dict) and choice["type"] == "allowed_tools" and not _OWN.match(model):
        tools = tuple(tool for tool in tools if tool.name in request.tool_choice.names)
        choice = "required" if request.tool_choice.mode == "required" else None
    body: Json = {"tools": [{"type": "function", "function": _function(tool)} for tool in tools]}
    if choice is not None:
        body["tool_choice"] = choice
    if not request.parallel_tool_calls:
        body["parallel_tool_calls"] = False
    return body


def _format(request: ChatRequest) -> Json:
    form = request.response_format
    if form.type == "text":
        return {}
    if form.type == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema: Json = {"name": form.name or "answer", "schema": msgspec.json.decode(form.schema_json or "{}")}
    if form.strict:
        schema["strict"] = True
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _function(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = (
        msgspec.json.decode(tool.parameters_json) if tool.parameters_json else {"type": "object", "properties": {}}
    )
    if tool.strict:
        function["strict"] = True
    return function


def _choice(request: ChatRequest) -> str | Json | None:
    choice = request.tool_choice
    if choice.mode == "none":
        return "none"
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "function", "function": {"name": choice.names[0]}}
    if choice.names:
        tools = [{"type": "function", "function": {"name": name}} for name in choice.names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
    return "required" if choice.mode == "required" else None
