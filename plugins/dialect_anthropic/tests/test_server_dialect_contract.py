"""The dialect as servers speak it keeps its contract, by streams from the public reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_testing.contracts import ServerDialectContract
from llmlb_testing.providers.anthropic import events, message

GOLDEN = Path(__file__).parent / "golden"
CONTENT = [
    {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCgIYAhIM+/=="},
    {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
    {"type": "text", "text": "Hello, wörld!"},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Oslo"}},
    {"type": "tool_use", "id": "toolu_2", "name": "news", "input": {}},
]


class TestAnthropicServerDialect(ServerDialectContract):
    """Messages, written and read."""

    @pytest.fixture
    def dialect(self) -> AnthropicServerDialect:
        return AnthropicServerDialect()

    @pytest.fixture
    def streams(self) -> list[bytes]:
        golden = [path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))]
        return [*golden, b"".join(events(CONTENT, "tool_use"))]

    @pytest.fixture
    def plain_answers(self) -> list[bytes]:
        texts = [{"type": "text", "text": "Hi."}]
        return [json.dumps(message(content, "end_turn")).encode() for content in (CONTENT, texts)]
