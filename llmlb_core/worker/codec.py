"""How values become payloads and back: msgpack, which msgspec reads into attrs classes natively."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
from attrs import fields

from llmlb_core.contracts.endpoint import Result
from llmlb_core.domain.chat import ChatRequest, CompletionRequest, CountRequest, EmbeddingRequest, ImagePart, Message, TextPart
from llmlb_core.domain.media import (
    AudioChunk,
    DrawingStep,
    ImageRequest,
    MediaResult,
    Picture,
    PictureFailed,
    Ranking,
    RerankRequest,
    SpeechRequest,
    TranscriptFacts,
    TranscriptionRequest,
    TranscriptSegment,
)
from llmlb_core.domain.requests import CanonicalRequest
from llmlb_core.domain.results import Delta, Vectors
from llmlb_core.worker.frames import Kind

T = TypeVar("T")


def _to_plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot cross to a worker; expected plain data")


def _from_plain(wanted: type, value: object) -> object:
    return Path(str(value)) if wanted is Path else value


_encoder = msgspec.msgpack.Encoder(enc_hook=_to_plain)
_delta = msgspec.msgpack.Decoder(Delta)
_vectors = msgspec.msgpack.Decoder(Vectors)
_plain = msgspec.msgpack.Decoder()
_REQUESTS = {
    cls.__name__: cls
    for cls in (
        ChatRequest,
        CompletionRequest,
        CountRequest,
        EmbeddingRequest,
        SpeechRequest,
        TranscriptionRequest,
        ImageRequest,
        RerankRequest,
    )
}
_MEDIA = {
    cls.__name__: cls for cls in (AudioChunk, TranscriptSegment, TranscriptFacts, DrawingStep, Picture, PictureFailed, Ranking)
}


def encode(value: object) -> bytes:
    """Return the payload of *value*: an attrs class of frames or results, or a number."""
    return _encoder.encode(value)


def decode(payload: bytes, wanted: type[T]) -> T:
    """Read a payload as *wanted*.

    Raises:
        msgspec.ValidationError: It is something else.
    """
    return msgspec.msgpack.decode(payload, type=wanted, dec_hook=_from_plain)


def decode_delta(payload: bytes) -> Delta:
    """Read a ``delta`` frame."""
    return _delta.decode(payload)


def decode_vectors(payload: bytes) -> Vectors:
    """Read a ``vectors`` frame."""
    return _vectors.decode(payload)


def encode_result(result: Result) -> tuple[Kind, bytes]:
    """Return the frame that *result* crosses in."""
    if isinstance(result, Delta):
        return Kind.DELTA, _encoder.encode(result)
    if isinstance(result, Vectors):
        return Kind.VECTORS, _encoder.encode(result)
    return Kind.MEDIA, _encoder.encode((type(result).__name__, result))


def decode_media(payload: bytes) -> MediaResult:
    """Read a ``media`` frame."""
    name, raw = _plain.decode(payload)
    result: MediaResult = msgspec.convert(raw, _MEDIA[name])
    return result


def encode_request(request: CanonicalRequest) -> bytes:
    """Return the payload of an ``open`` frame: the name of the request's class, and its fields."""
    return _encoder.encode((type(request).__name__, request))


def decode_request(payload: bytes) -> CanonicalRequest:
    """Read an ``open`` frame."""
    name, raw = _plain.decode(payload)
    request: CanonicalRequest = _build(_REQUESTS[name], raw)
    return request


def _build(cls: type[Any], raw: dict[str, Any]) -> Any:
    # msgspec takes at most one attrs class in a union and messages have parts of two, so messages are built by hand.
    hints = get_type_hints(cls)
    values = {}
    for field in fields(cls):
        if field.name not in raw:
            continue
        value = raw[field.name]
        if field.name == "messages":
            values[field.name] = tuple(_build(Message, message) for message in value)
        elif field.name == "chat":
            values[field.name] = _build(ChatRequest, value)
        elif field.name == "parts":
            values[field.name] = tuple(msgspec.convert(part, ImagePart if "url" in part else TextPart) for part in value)
        else:
            values[field.name] = msgspec.convert(value, hints[field.name])
    return cls(**values)
