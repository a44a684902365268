"""The dialect ``openai`` as servers speak it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from llmlb_core import (
    AnswerReader,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Encoded,
    Operation,
    Refusal,
    RemoteModel,
    Server,
    ServerDialect,
)
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_openai.server.answer import ChatReader
from llmlb_dialect_openai.server.encode import chat_body, completion_body, embedding_body, lacking
from llmlb_dialect_openai.server.vectors import VectorReader


class _Error(msgspec.Struct):
    message: str = ""
    type: str | None = None
    code: Any = None
    param: str | None = None


class _Document(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: Any = None


class _Model(msgspec.Struct):
    id: str
    owned_by: str | None = None


class _Page(msgspec.Struct):
    data: list[_Model]


class OpenAIServerDialect(ServerDialect):
    """OpenAI's API by its public reference, as its many relatives speak it, too."""

    name: ClassVar[str] = "openai"
    operations: ClassVar[frozenset[Operation]] = frozenset(
        {Operation.CHAT, Operation.RESPONSE, Operation.COMPLETION, Operation.EMBEDDING}
    )
    passed_on: ClassVar[tuple[str, ...]] = ("openai-beta",)

    def lacks(self, request: object, model: str) -> tuple[str, ...]:
        """Return what the reference has no word for."""
        del model
        return lacking(request)

    def encode(self, request: object, model: str, *, stream: bool) -> Encoded:
        """Write a chat, a completion, or a question for vectors."""
        if isinstance(request, ChatRequest):
            return Encoded("/chat/completions", chat_body(request, model, stream=stream))
        if isinstance(request, CompletionRequest):
            return Encoded("/completions", completion_body(request, model, stream=stream))
        if isinstance(request, EmbeddingRequest):
            return Encoded("/embeddings", embedding_body(request, model))
        raise UnsupportedParameter("This endpoint has chats, completions and embeddings.", param="model")

    def answer(self, request: object, *, stream: bool) -> AnswerReader:
        """Return a reader of what was asked for."""
        del stream
        return ChatReader(request) if isinstance(request, ChatRequest | CompletionRequest) else VectorReader()

    def read_refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Read ``{"error": {"message", "type", "code", "param"}}``, and what relatives write instead."""
        del status, headers
        try:
            document = msgspec.json.decode(body, type=_Document)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        error = document.error
        if isinstance(error, _Error):
            code = error.code
            status_told = int(code) if isinstance(code, int | str) and str(code).isdecimal() and 400 <= int(code) <= 599 else None
            return Refusal(error.message, error.type or "", "" if code is None else str(code), error.param, status_told)
        told = error or document.message or (document.detail if isinstance(document.detail, str) else None)
        return Refusal(told) if told else None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Read the one page that there is."""
        page = await server.get_json("/models", _Page)
        return [RemoteModel(each.id, owned_by=each.owned_by or "") for each in page.data]
