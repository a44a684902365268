"""The recordings of a body, without checking anything else of it; and the transcripts that take their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import orjson

from llmlb_core import Form, FormFile, SoundReference
from llmlb_core.errors import EndpointFailed
from llmlb_dialect_openai.images import load, objects_of

_TEXT_BY_LIST = {"messages": "text", "input": "input_text"}
"""The type of a part of text, by the list that messages stand in: of chat and of responses."""


def sounds_of(body: bytes) -> tuple[SoundReference, ...]:
    """Return the recordings in messages of *body*; a body that is not as it should be has none."""
    return tuple(_reference(part, where) for part, where, _ in _parts(load(body)))


def with_texts(body: bytes, texts: Sequence[str]) -> bytes:
    """Return *body* with parts of text in place of those of ``sounds_of``."""
    document = load(body)
    for (part, _, kind), text in zip(list(_parts(document)), texts, strict=True):
        part.clear()
        part.update(type=kind, text=text)
    return orjson.dumps(document)


def transcription(model: str, file: FormFile) -> Form:
    """Return the form that asks for the plain text of *file*; ``json`` is what every server can."""
    return Form((("model", model), ("response_format", "json")), (file,))


class _Transcript(msgspec.Struct):
    text: str


def transcript_of(answer: bytes) -> str:
    """Return the text of an answer.

    Raises:
        EndpointFailed: There is none.
    """
    try:
        return msgspec.json.decode(answer, type=_Transcript).text
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EndpointFailed("A recording was answered with something that is no transcript; expected JSON with 'text'.") from None


def _reference(part: dict[str, Any], where: str) -> SoundReference:
    source = part.get("input_audio")
    data, kind = (source.get("data"), source.get("format")) if isinstance(source, dict) else (None, None)
    return SoundReference(
        data if isinstance(data, str) else "",
        kind if isinstance(kind, str) else "",
        where,
        f"{where}.input_audio.data",
        f"{where}.input_audio.format",
    )


def _parts(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield parts, where they stand, and the type of text that may stand there."""
    for name, kind in _TEXT_BY_LIST.items():
        for at, message in objects_of(document.get(name)):
            for part_at, part in objects_of(message.get("content")):
                if part.get("type") == "input_audio":
                    yield part, f"{name}[{at}].content[{part_at}]", kind
