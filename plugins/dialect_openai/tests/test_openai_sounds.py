"""Recordings in chats and responses: found, and replaced by texts."""

from __future__ import annotations

import json

import pytest
from llmlb_dialect_openai.dialect import OpenAIDialect
from openai.types.chat import ChatCompletionContentPartInputAudioParam

from llmlb_core import Blob, FormFile, Route, SoundReference
from llmlb_core.errors import EndpointFailed

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PART: ChatCompletionContentPartInputAudioParam = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def route_of(dialect: OpenAIDialect, path: str) -> Route:
    """Return the route at *path*."""
    (route,) = [route for route in dialect.routes if route.path == path]
    return route


def chat(*parts: object) -> bytes:
    """Return a body with *parts* in its second message."""
    return json.dumps({"model": "m", "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": parts}]}).encode()


def test_the_parts_of_the_sdks_type_are_found(dialect: OpenAIDialect):
    """With all places that may be wrong."""
    found = dialect.sounds(route_of(dialect, CHAT), chat({"type": "text", "text": "t"}, PART, PART))

    wheres = ["messages[1].content[1]", "messages[1].content[2]"]
    expected = [SoundReference("AAAA", "wav", each, f"{each}.input_audio.data", f"{each}.input_audio.format") for each in wheres]
    assert expected == list(found)


@pytest.mark.parametrize("source", [None, "AAAA", {}, {"data": 5, "format": None}, []])
def test_a_part_that_says_it_is_one_is_one(dialect: OpenAIDialect, source: object):
    """Else nobody would say what is wrong with it."""
    (found,) = dialect.sounds(route_of(dialect, CHAT), chat({"type": "input_audio", "input_audio": source}))

    assert ("", "") == (found.data, found.format)


def test_a_word_is_no_recording(dialect: OpenAIDialect):
    """In a text, in a tool, or in a body that is no chat."""
    route = route_of(dialect, CHAT)
    texts = chat({"type": "text", "text": '{"type":"input_audio"}'}, {"type": "image_url", "input_audio": {}})
    tool = json.dumps({"messages": [], "tools": [{"type": "input_audio"}]}).encode()

    assert [(), (), ()] == [dialect.sounds(route, body) for body in (texts, tool, b'{"messages": "input_audio"')]
    assert route.sound_mark not in chat({"type": "text", "text": '"input_audio"'})


@pytest.mark.parametrize(("path", "name", "kind"), [(CHAT, "messages", "text"), (RESPONSES, "input", "input_text")])
def test_texts_stand_where_recordings_stood(dialect: OpenAIDialect, path: str, name: str, kind: str):
    """Nothing else of the body changes, and what it is now can be decoded."""
    route = route_of(dialect, path)
    other = {"type": kind, "text": "between"}
    body = {"model": "m", name: [{"role": "user", "content": [PART, other, PART]}], "temperature": 0.5, "x": None}

    written = dialect.with_texts(route, json.dumps(body).encode(), ["first", "zweite ß"])

    parts = [{"type": kind, "text": "first"}, other, {"type": kind, "text": "zweite ß"}]
    assert {**body, name: [{"role": "user", "content": parts}]} == json.loads(written)
    assert dialect.decode(route, written)


def test_a_file_is_asked_for_its_text_and_an_answer_read(dialect: OpenAIDialect):
    """As JSON, which every server can."""
    form = dialect.transcription("whisper-1", FormFile("file", "a.wav", "audio/wav", Blob(b"x")))

    assert ("whisper-1", "json", b"x") == (form.text("model"), form.text("response_format"), form.files[0].blob.read())
    assert " Hello." == dialect.transcript(b'{"text": " Hello.", "usage": {}}')
    with pytest.raises(EndpointFailed, match="no transcript"):
        dialect.transcript(b"Hello.")
