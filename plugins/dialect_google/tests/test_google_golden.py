"""Transcripts in the shapes of the public reference, each with its source, both ways."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import cattrs
import pytest

from llmlb_core import ChatRequest

GOLDEN = Path(__file__).parent / "golden"


def golden(prefix):
    return [pytest.param(json.loads(file.read_text()), id=file.stem) for file in sorted(GOLDEN.glob(f"{prefix}*.json"))]


@pytest.mark.parametrize("transcript", golden("request_"))
def test_a_request_is_written_as_the_reference_has_it(dialect, sent, transcript):
    """Path and body, member by member; the SDK's types allow it."""
    request = cattrs.structure(transcript["chat"], ChatRequest)

    body = sent(request, transcript["model"], stream=transcript.get("stream", False))
    path = dialect.encode(request, transcript["model"], stream=transcript.get("stream", False)).path

    assert transcript["source"].startswith("https://ai.google.dev/")
    assert (transcript["path"], transcript["body"]) == (path, body)


@pytest.mark.parametrize("transcript", golden("answer_"))
def test_an_answer_is_read_as_the_reference_means_it(dialect, told, transcript):
    """Streamed or plain, in the documented shapes: the SDK reads them, too."""
    documents = transcript.get("events") or [transcript["document"]]
    reader = dialect.answer(ChatRequest(messages=(), n=transcript.get("n", 1)), stream="events" in transcript)
    for document in documents:
        if "error" not in document:
            import_module("google.genai.types").GenerateContentResponse.model_validate_json(json.dumps(document))

    if "events" in transcript:
        for document in documents:
            reader.read(f"data: {json.dumps(document)}\r\n\r\n".encode())
    else:
        reader.read_plain(json.dumps(transcript["document"]).encode())

    assert transcript["source"].startswith("https://ai.google.dev/")
    assert (transcript["results"], transcript.get("fault")) == (told(reader.results), reader.fault and reader.fault.problem)
    assert (not transcript.get("fault")) == reader.is_finished
