"""Transcripts in the shapes of the public reference, each with its source, both ways."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from llmlb_core import ChatRequest, ImagePart, Message, ResponseFormat, Sampling, TextPart, Thinking, Tool, ToolCall, ToolChoice

GOLDEN = Path(__file__).parent / "golden"


def golden(prefix):
    return [pytest.param(json.loads(file.read_text()), id=file.stem) for file in sorted(GOLDEN.glob(f"{prefix}*.json"))]


def canonical(chat):
    """Return the request that *chat* describes."""
    made = _tuples(chat)
    kinds = {"sampling": Sampling, "tool_choice": ToolChoice, "response_format": ResponseFormat}
    made.update({name: kind(**_tuples(chat[name])) for name, kind in kinds.items() if name in chat})
    made["messages"] = tuple(_message(**each) for each in chat["messages"])
    made["tools"] = tuple(Tool(**each) for each in chat.get("tools", ()))
    return ChatRequest(**made)


def _message(role, parts, tool_calls=(), thinking=(), **more):
    return Message(
        role,
        tuple(ImagePart(**part) if "url" in part else TextPart(**part) for part in parts),
        tool_calls=tuple(_call(**call) for call in tool_calls),
        thinking=tuple(Thinking(**each) for each in thinking),
        **more,
    )


def _call(thinking=None, **more):
    return ToolCall(**more, thinking=None if thinking is None else Thinking(**thinking))


def _tuples(members):
    return {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}


@pytest.mark.parametrize("transcript", golden("request_"))
def test_a_request_is_written_as_the_reference_has_it(dialect, sent, transcript):
    """Path and body, member by member; the SDK's types allow it."""
    request = canonical(transcript["chat"])

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
