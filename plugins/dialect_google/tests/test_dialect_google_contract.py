"""The dialect keeps the contract."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from llmlb_testing.contracts import ServerDialectContract
from llmlb_testing.providers.google import event

TRANSCRIPTS = [json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "golden").glob("answer_*.json"))]
WHOLE = [each for each in TRANSCRIPTS if not each.get("fault") and "n" not in each]


class TestGoogleDialect(ServerDialectContract):
    """With every transcript that is a whole answer."""

    @pytest.fixture
    def streams(self):
        return [b"".join(map(event, each["events"])) for each in WHOLE if "events" in each]

    @pytest.fixture
    def plain_answers(self):
        return [json.dumps(each["document"]).encode() for each in WHOLE if "document" in each]
