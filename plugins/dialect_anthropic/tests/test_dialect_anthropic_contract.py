"""The dialect ``anthropic`` and its plugin keep the contracts."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import pytest
from llmlb_testing.contracts import DialectContract, PluginContract

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A"}}
RICH: dict[str, Any] = {
    "model": "m",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "t"}, IMAGE]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "text", "text": "a"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"x": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "1"}, IMAGE], "is_error": True},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "T"},
                {"type": "image", "source": {"type": "url", "url": "https://example/x.png"}},
            ],
        },
        {"role": "assistant", "content": "and"},
    ],
    "stop_sequences": ["a"],
    "temperature": 1,
    "top_p": 0.5,
    "top_k": 3,
    "metadata": {"user_id": "u"},
    "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA, "type": "custom", "strict": True}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "service_tier": "auto",
}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/v1/messages": [
        RICH,
        {**RICH, "stream": True},
        {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], "stream": True},
    ],
}


class TestAnthropicDialect(DialectContract):
    """Messages, plain and streamed."""

    error_members: ClassVar[frozenset[str]] = frozenset({"message", "type"})

    @pytest.fixture
    def bodies(self) -> dict[str, list[dict[str, Any]]]:
        """Bodies of messages; counts take the same."""
        return copy.deepcopy(BODIES)


class TestAnthropicDialectPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "dialect_anthropic"
