"""What answers show of their request and the canonical request does not hold, read from the body again.

The body was checked by then: a reading that fails, as for a body that was never checked, gives the defaults.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from attrs import frozen

T = TypeVar("T")


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _ChatBody(msgspec.Struct):
    stream_options: _StreamOptions | None = None
    functions: list[object] | None = None


class _EmbeddingBody(msgspec.Struct):
    encoding_format: Literal["float", "base64"] | None = None


class _RerankBody(msgspec.Struct):
    return_documents: bool | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None


class _Text(msgspec.Struct):
    verbosity: str | None = None
    format: dict[str, object] | None = None


class ResponseView(msgspec.Struct):
    """Parameters that a response object echoes."""

    instructions: str | None = None
    metadata: dict[str, str] | None = None
    max_tool_calls: int | None = None
    max_output_tokens: int | None = None
    reasoning: _Reasoning | None = None
    text: _Text | None = None
    tool_choice: str | dict[str, object] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    @classmethod
    def of(cls, body: bytes) -> ResponseView:
        """Read *body*."""
        return _read(_RESPONSE, body, cls())


_CHAT = msgspec.json.Decoder(_ChatBody)
_EMBEDDING = msgspec.json.Decoder(_EmbeddingBody)
_RERANK = msgspec.json.Decoder(_RerankBody)
_RESPONSE = msgspec.json.Decoder(ResponseView)


def _read(decoder: msgspec.json.Decoder[T], body: bytes, default: T) -> T:
    """Decode *body*, or return *default*."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return default


@frozen
class ChatView:
    """Of a chat or completion.

    Attributes:
        wants_usage: A last chunk with usage is asked for.
        is_legacy: Tools came as ``functions``; calls go back as ``function_call``.
    """

    wants_usage: bool = False
    is_legacy: bool = False

    @classmethod
    def of(cls, body: bytes) -> ChatView:
        """Read *body*."""
        view = _read(_CHAT, body, _ChatBody())
        options = view.stream_options
        return cls(options is not None and bool(options.include_usage), bool(view.functions))


def wants_base64(body: bytes) -> bool:
    """Whether embeddings are asked for as base64."""
    return _read(_EMBEDDING, body, _EmbeddingBody()).encoding_format == "base64"


def wants_documents(body: bytes) -> bool:
    """Whether a ranking shall bring its documents along."""
    return bool(_read(_RERANK, body, _RerankBody()).return_documents)
