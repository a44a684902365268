"""The dialect ``openai`` and its plugin keep the contracts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from llmlb_testing.contracts import DialectContract, PluginContract

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ],
    "temperature": 1,
    "stop": ["a"],
    "logit_bias": {"1": 2},
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}},
}
RESPONSE: dict[str, Any] = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA}},
    "reasoning": {"effort": "low"},
    "metadata": {"a": "b"},
    "max_output_tokens": 4,
}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [
        {**CHAT, "n": 2},
        {**CHAT, "stream": True, "stream_options": {"include_usage": True}},
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True, "n": 2},
    ],
    "/v1/completions": [
        {"model": "m", "prompt": [[1, 2], [3]], "logprobs": 1, "n": 2, "best_of": 2, "stop": "a"},
        {"model": "m", "prompt": "x", "stream": True},
    ],
    "/v1/embeddings": [
        {"model": "m", "input": ["a", "b"], "dimensions": 3, "encoding_format": "float"},
        {"model": "m", "input": [[1, 2], [3]], "encoding_format": "base64"},
    ],
    "/v1/responses": [RESPONSE, {**RESPONSE, "stream": True}],
}


class TestOpenAIDialect(DialectContract):
    """All four routes, plain and streamed."""

    @pytest.fixture
    def bodies(self) -> dict[str, list[dict[str, Any]]]:
        """A body for each."""
        return copy.deepcopy(BODIES)

    @pytest.fixture
    def spoken_bodies(self) -> dict[str, list[dict[str, Any]]]:
        """Two recordings with a text between them."""
        sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        return {
            path: [{"model": "m", name: [{"role": "user", "content": [sound, {"type": kind, "text": "and"}, sound]}]}]
            for path, name, kind in (("/v1/chat/completions", "messages", "text"), ("/v1/responses", "input", "input_text"))
        }


class TestOpenAIDialectPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "dialect_openai"
