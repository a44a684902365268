"""A fake OpenAI: takes what the types of the official SDK allow, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from llmlb_testing.providers.base import Asked, Provider, Scripted, schema_problems

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 3}}
DONE = b"data: [DONE]\n\n"


class FakeOpenAI(Provider):
    """``/v1/chat/completions``, ``/v1/embeddings`` and ``/v1/models``."""

    def key_of(self, headers: Mapping[str, str], query: str) -> str:
        """Return the bearer token."""
        del query
        return headers.get("authorization", "").removeprefix("Bearer ")

    def check(self, asked: Asked) -> list[str]:
        """Check the body."""
        problems = ["x-api-key: two credentials"] if "x-api-key" in asked.headers else []
        if asked.path in ("/v1/chat/completions", "/v1/embeddings"):
            return problems + schema_problems(_adapter(asked.path), asked.json)
        return problems if asked.path == "/v1/models" else [f"{asked.path}: no such route"]

    def unscripted(self, asked: Asked) -> Scripted | None:
        """Answer lists and vectors."""
        if asked.path == "/v1/models":
            data = [{"id": name, "object": "model", "created": 1, "owned_by": "system"} for name in ("gpt-a", "gpt-b")]
            return Scripted(document={"object": "list", "data": data})
        if asked.path == "/v1/embeddings":
            row = {"object": "embedding", "index": 0, "embedding": "AACAPwAAAAA="}
            return Scripted(document={"object": "list", "data": [row], "usage": {"prompt_tokens": 2, "total_tokens": 2}})
        return None

    def usual(self, asked: Asked) -> Scripted:
        """Say hello, as it was asked for."""
        return says("Hello there.", stream=bool(asked.json.get("stream")))

    def error(self, status: int, message: str) -> Any:
        """Return an error as the reference has it."""
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}


@cache
def _adapter(path: str) -> Any:
    from openai.types.chat.completion_create_params import CompletionCreateParamsBase
    from openai.types.embedding_create_params import EmbeddingCreateParams
    from pydantic import ConfigDict, TypeAdapter, with_config

    if path == "/v1/embeddings":
        return TypeAdapter(with_config(ConfigDict(extra="forbid"))(EmbeddingCreateParams))

    class Body(CompletionCreateParamsBase, total=False):
        stream: bool

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(Body))


def chunk(*choices: Mapping[str, Any], **members: Any) -> bytes:
    """Return one event of a stream."""
    document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-a", "choices": choices, **members}
    return f"data: {json.dumps(document)}\n\n".encode()


def says(text: str, *, stream: bool = False) -> Scripted:
    """Return an answer of text alone."""
    return answers({"content": text}, stream=stream)


def calls(*functions: tuple[str, str, Mapping[str, Any]], stream: bool = False) -> Scripted:
    """Return an answer that calls functions, each of an id, a name and arguments."""
    made = [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for id_, name, arguments in functions
    ]
    return answers({"content": None, "tool_calls": made}, "tool_calls", stream=stream)


def answers(message: Mapping[str, Any], finish: str = "stop", *, stream: bool = False) -> Scripted:
    """Return an answer of one choice."""
    if not stream:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-a"}
        return Scripted(document={**head, "choices": [choice], "usage": USAGE})
    deltas: list[Mapping[str, Any]] = [{"role": "assistant", "content": ""}]
    text = message.get("content") or ""
    deltas += [{"content": text[at : at + 3]} for at in range(0, len(text), 3)]
    for place, call in enumerate(message.get("tool_calls") or ()):
        deltas += _call_deltas(place, call)
    events = [chunk({"index": 0, "delta": delta, "finish_reason": None}) for delta in deltas]
    end: Sequence[bytes] = (chunk({"index": 0, "delta": {}, "finish_reason": finish}), chunk(usage=USAGE), DONE)
    return Scripted(events=[*events, *end])


def _call_deltas(place: int, call: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    function, arguments = call["function"], call["function"]["arguments"]
    first = {"index": place, "id": call["id"], "type": "function", "function": {"name": function["name"], "arguments": ""}}
    rest = [{"index": place, "function": {"arguments": arguments[at : at + 4]}} for at in range(0, len(arguments), 4)]
    return [{"tool_calls": [each]} for each in (first, *rest)]
