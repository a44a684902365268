"""The dialect keeps the contract of those that servers speak."""

from __future__ import annotations

import json

import pytest
from llmlb_dialect_openai.server.dialect import OpenAIServerDialect
from llmlb_testing.contracts import ServerDialectContract
from llmlb_testing.providers.openai import calls, says

CALL = ("call_1", "weather", {"town": "Oslo"})


class TestOpenAIServerDialect(ServerDialectContract):
    """With text and a call."""

    @pytest.fixture
    def dialect(self):
        return OpenAIServerDialect()

    @pytest.fixture
    def streams(self):
        return [b"".join(each.events) for each in (says("Hello, wörld!", stream=True), calls(CALL, stream=True))]

    @pytest.fixture
    def plain_answers(self):
        return [json.dumps(each.document).encode() for each in (says("Hello, wörld!"), calls(CALL))]
