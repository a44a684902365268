"""``POST /v1/audio/speech``: its body as a ``SpeechRequest``."""

from __future__ import annotations

from typing import get_args

from llmlb_core import AudioFormat, Decoded, SpeechRequest
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.decode.parameters import ignored_names, read_hints
from llmlb_dialect_openai.fields import Fields

MAX_CHARACTERS = 5000
"""26006000-F13; OpenAI's own limit is 4,096. ``[plugins.dialect_openai] speech_max_characters`` sets another."""
_MAX_INSTRUCTIONS = 5000
DEFAULT_VOICE = "nova"
_FORMATS = get_args(AudioFormat)
_SPEEDS = (0.25, 4.0)
_PITCHES = (-24.0, 24.0)


def decode_speech(fields: Fields, max_characters: int = MAX_CHARACTERS) -> Decoded:
    """Read and check the whole body."""
    fields.string("model")
    read_hints(fields)
    fields.one_of("stream_format", ("audio", "sse"))
    fields.boolean("stream")  # what it streams is the sound; events are asked for by `stream_format`
    request = SpeechRequest(
        input=_input(fields, max_characters),
        voice=_voice(fields),
        format=_format(fields),
        speed=_speed(fields),
        instructions=fields.string("instructions", max_length=_MAX_INSTRUCTIONS) or None,
        tone=fields.string("tone", max_length=256) or None,
        pitch=fields.number("pitch", *_PITCHES),
    )
    return Decoded(request, ignored_names(fields.unread))


def _input(fields: Fields, max_characters: int) -> str:
    if fields.value("input") is None:
        raise InvalidRequest("Missing required parameter: 'input', the text to speak.", param="input", code="missing_input")
    text = fields.string("input", max_length=max_characters) or ""
    if not text.strip():
        raise InvalidRequest("'input' is empty: there is nothing to speak.", param="input", code="empty_input")
    return text


def _voice(fields: Fields) -> str:
    """Return the voice's name; OpenAI's newer clients may send ``{"id": …}``."""
    value = fields.value("voice")
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        return str(value["id"])
    return fields.string("voice", max_length=256) or DEFAULT_VOICE


def _format(fields: Fields) -> AudioFormat:
    try:
        wanted = fields.one_of("response_format", _FORMATS)
    except InvalidRequest as error:
        error.code = "invalid_format"
        raise
    return wanted or "mp3"  # type: ignore[return-value]  # one of them


def _speed(fields: Fields) -> float:
    try:
        speed = fields.number("speed", *_SPEEDS)
    except InvalidRequest as error:
        error.code = "invalid_speed"
        raise
    return 1.0 if speed is None else speed
