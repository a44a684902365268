"""The dialect keeps the contract of those that servers speak."""

from __future__ import annotations

import json

import pytest
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_testing.contracts import ServerDialectContract
from llmlb_testing.providers.anthropic import events, message

TEXT = {"type": "text", "text": "Hello, wörld!"}
CONTENTS = [
    ([TEXT], "end_turn"),
    ([{"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCgIYAhIM+/=="}, TEXT], "max_tokens"),
    ([TEXT, {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Oslo"}}], "tool_use"),
]


class TestAnthropicServerDialect(ServerDialectContract):
    """With text, thinking and a call."""

    @pytest.fixture
    def dialect(self):
        return AnthropicServerDialect()

    @pytest.fixture
    def streams(self):
        return [b"".join(events(*each)) for each in CONTENTS]

    @pytest.fixture
    def plain_answers(self):
        return [json.dumps(message(*each)).encode() for each in CONTENTS]
