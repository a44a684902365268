"""Speech: the bytes of a sound file as they are made, or the same in events."""

from __future__ import annotations

from base64 import b64encode

from llmlb_core import AudioChunk, Call, Renderer, Result, SpeechRequest
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.parts import SSE, error_frame
from llmlb_dialect_openai.text import dumps

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm;rate=24000",
}


def _sound(result: Result) -> bytes:
    if isinstance(result, AudioChunk):
        return result.data
    raise EngineFailed("The model answered with something else where speech was asked for; see the plugin that serves it.")


class SpeechAnswer(Renderer):
    """The file itself."""

    flows = True

    def __init__(self, call: Call, model: str) -> None:
        """Name the format that was asked for."""
        del model
        request = call.request
        self.content_type = CONTENT_TYPES[request.format if isinstance(request, SpeechRequest) else "mp3"]

    def feed(self, result: Result) -> bytes:
        """Return the next bytes."""
        return _sound(result)

    def end(self) -> bytes:
        """Return nothing: all of it is out."""
        return b""

    def error(self, error: CallError) -> bytes:
        """Return the error document, for calls of which nothing was sent."""
        return error_document(error)


class SpeechStream(Renderer):
    """``speech.audio.delta`` events with base64, and one ``speech.audio.done``."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Begin."""
        del call, model

    def feed(self, result: Result) -> bytes:
        """Return the event of one piece."""
        return _event({"type": "speech.audio.delta", "audio": b64encode(_sound(result)).decode()})

    def end(self) -> bytes:
        """Say that all of it is out; tokens are not what voices count in."""
        return _event({"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}})

    def error(self, error: CallError) -> bytes:
        """Return the event that ends a stream which broke."""
        return error_frame(error)


def _event(value: dict[str, object]) -> bytes:
    return b"data: " + dumps(value) + b"\n\n"
