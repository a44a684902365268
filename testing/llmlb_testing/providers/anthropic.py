"""A fake Anthropic: takes what the types of the official SDK allow, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from llmlb_testing.providers.base import Asked, Provider, Scripted, schema_problems

MODEL = "claude-sonnet-4-5"
_ID = re.compile(r"[a-zA-Z0-9_-]+")


class FakeAnthropic(Provider):
    """``/v1/messages``, ``/v1/messages/count_tokens`` and ``/v1/models``."""

    def key_of(self, headers: Mapping[str, str], query: str) -> str:
        """Return ``x-api-key``."""
        del query
        return headers.get("x-api-key", "")

    def check(self, asked: Asked) -> list[str]:
        """Check headers and the body."""
        problems = [] if asked.headers.get("anthropic-version") else ["anthropic-version: header is required"]
        if "authorization" in asked.headers:
            problems.append("authorization: two credentials")
        kinds = {"/v1/messages": "message", "/v1/messages/count_tokens": "count"}
        if asked.path in kinds:
            problems += schema_problems(_adapter(kinds[asked.path]), asked.json) or _unfit(asked.json)
        elif asked.path != "/v1/models":
            problems.append(f"{asked.path}: no such route")
        return problems

    def unscripted(self, asked: Asked) -> Scripted | None:
        """Answer lists in two pages, and counts of tokens."""
        if asked.path == "/v1/messages/count_tokens":
            return Scripted(document={"input_tokens": 17})
        if asked.path != "/v1/models":
            return None
        names = ("claude-b",) if "after_id=claude-a" in asked.query else ("claude-a",)
        data = [{"type": "model", "id": name, "display_name": name, "created_at": "2025-05-14T00:00:00Z"} for name in names]
        return Scripted(document={"data": data, "has_more": names == ("claude-a",), "first_id": names[0], "last_id": names[-1]})

    def usual(self, asked: Asked) -> Scripted:
        """Say hello, as it was asked for."""
        return says("Hello there.", stream=bool(asked.json.get("stream")))

    def error(self, status: int, message: str) -> Any:
        """Return an error as the reference has it."""
        kinds = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
        kinds |= {402: "billing_error", 413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}, "request_id": "req_1"}


def _unfit(body: Mapping[str, Any]) -> list[str]:
    """Return what the types allow and the API does not, by the pages "Extended thinking", "Tool use" and "Messages"."""
    thinking, limit = body.get("thinking") or {}, body.get("max_tokens")
    budget, choice = thinking.get("budget_tokens", 1024), body.get("tool_choice") or {}
    calls = _blocks(body, "tool_use")
    results = [block["tool_use_id"] for block in _blocks(body, "tool_result")]
    is_on = thinking.get("type") in ("enabled", "adaptive")
    rules = {
        "thinking.budget_tokens: must be at least 1024": budget >= 1024,
        "max_tokens: must be greater than thinking.budget_tokens": "budget_tokens" not in thinking
        or limit is None
        or limit > budget,
        "thinking: may not be enabled when tool_choice forces tool use": not is_on or choice.get("type") not in ("any", "tool"),
        "temperature: may only be 1 when thinking is enabled": not is_on or body.get("temperature", 1) == 1,
        "top_p: must be at least 0.95 when thinking is enabled": not is_on or body.get("top_p", 1) >= 0.95,
        "top_k: must be unset when thinking is enabled": not is_on or "top_k" not in body,
        "temperature and top_p cannot both be specified for this model": "4-5" not in body["model"]
        or not {"temperature", "top_p"} <= set(body),
        "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'": all(_ID.fullmatch(block["id"]) for block in calls),
        "tool_result: unexpected tool_use_id": {block["id"] for block in calls} >= set(results),
        "messages.0: text content blocks must be non-empty": all(block["text"] for block in _blocks(body, "text")),
    }
    return [rule for rule, holds in rules.items() if not holds]


def _blocks(body: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    contents = [turn["content"] for turn in body["messages"] if not isinstance(turn["content"], str)]
    return [block for content in contents for block in content if block["type"] == kind]


@cache
def _adapter(kind: str) -> Any:
    from anthropic.types.message_count_tokens_params import MessageCountTokensParams
    from anthropic.types.message_create_params import MessageCreateParamsBase
    from pydantic import ConfigDict, TypeAdapter, with_config
    from typing_extensions import is_typeddict

    # A parent's configuration does not reach the types of its members: each needs its own.
    for module in [module for name, module in sys.modules.items() if name.startswith("anthropic.types.")]:
        for each in vars(module).values():
            if is_typeddict(each):
                each.__pydantic_config__ = {**getattr(each, "__pydantic_config__", {}), "extra": "forbid"}

    if kind == "count":
        return TypeAdapter(with_config(ConfigDict(extra="forbid", strict=False))(MessageCountTokensParams))

    class Body(MessageCreateParamsBase, total=False):
        stream: bool
        temperature: float  # of models before 4-7; the reference of later ones has no such thing
        top_p: float
        top_k: int

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(Body))


def message(content: Sequence[Mapping[str, Any]], stop_reason: str = "end_turn", **members: Any) -> dict[str, Any]:
    """Return a whole message."""
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}
    document = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": list(content)}
    return {**document, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage, **members}


def event(kind: str, **members: Any) -> bytes:
    """Return one event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def events(content: Sequence[Mapping[str, Any]], stop_reason: str = "end_turn", stop_sequence: str | None = None) -> list[bytes]:
    """Return the stream of a message, each text in pieces of three characters."""
    start = message([], stop_reason="end_turn") | {"stop_reason": None}
    start["usage"] = {**start["usage"], "output_tokens": 1}
    made = [event("message_start", message=start), event("ping")]
    for index, block in enumerate(content):
        empty, deltas = _deltas(block)
        made.append(event("content_block_start", index=index, content_block=empty))
        made += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        made.append(event("content_block_stop", index=index))
    end = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    return [*made, event("message_delta", delta=end, usage={"output_tokens": 5}), event("message_stop")]


def _deltas(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": each} for each in _pieces(block["text"])]
    if kind == "thinking":
        deltas: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": each} for each in _pieces(block["thinking"])]
        return {"type": kind, "thinking": "", "signature": ""}, [
            *deltas,
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    if kind == "tool_use":
        deltas = [{"type": "input_json_delta", "partial_json": each} for each in ("", *_pieces(json.dumps(block["input"])))]
        return {**block, "input": {}}, deltas
    return dict(block), []


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def says(text: str, *, stream: bool = False) -> Scripted:
    """Return an answer of text alone."""
    return answers([{"type": "text", "text": text}], stream=stream)


def answers(content: Sequence[Mapping[str, Any]], stop_reason: str = "end_turn", *, stream: bool = False) -> Scripted:
    """Return an answer of blocks."""
    return Scripted(events=events(content, stop_reason)) if stream else Scripted(document=message(content, stop_reason))
