"""The Gemini API as its servers speak it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from llmlb_core import (
    AnswerReader,
    ChatRequest,
    CountRequest,
    EmbeddingRequest,
    Encoded,
    Operation,
    Refusal,
    RemoteModel,
    Server,
    ServerDialect,
)
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_google.encode.chat import chat_body, lacking
from llmlb_dialect_google.encode.embedding import embedding_body
from llmlb_dialect_google.encode.text import written
from llmlb_dialect_google.models import listed_models
from llmlb_dialect_google.read.chat import ChatReader
from llmlb_dialect_google.read.count import CountReader
from llmlb_dialect_google.read.embedding import EmbeddingReader
from llmlb_dialect_google.refusal import read_refusal


class GoogleDialect(ServerDialect):
    """``generateContent`` and its kin, in the version that the base URL names; ``v1beta`` where it names none."""

    name: ClassVar[str] = "google"
    operations: ClassVar[frozenset[Operation]] = frozenset({
        Operation.CHAT, Operation.RESPONSE, Operation.COUNT_TOKENS, Operation.EMBEDDING,
    })  # fmt: skip

    def root(self, base_path: str) -> str:
        """Return the path as it was given, and ``/v1beta`` where there is none."""
        return base_path.rstrip("/") or "/v1beta"

    def credential(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the header for keys; as ``?key=`` they would stand in the logs of everything on the way."""
        return (("x-goog-api-key", key),)

    def lacks(self, request: object, model: str) -> tuple[str, ...]:
        """Return what *model* cannot be told."""
        return lacking(request, model) if isinstance(request, ChatRequest) else ()

    def encode(self, request: object, model: str, *, stream: bool) -> Encoded:
        """Write *request*; see ``encode.chat`` for what becomes of what."""
        path = model_path(model)
        if isinstance(request, ChatRequest):
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return Encoded(f"/{path}:{method}", written(chat_body(request, model)))
        if isinstance(request, CountRequest):
            # With the request inside, instructions and tools count, too.
            inner = {"model": path, **chat_body(request.chat, model)}
            return Encoded(f"/{path}:countTokens", written({"generateContentRequest": inner}))
        if isinstance(request, EmbeddingRequest):
            return Encoded(f"/{path}:batchEmbedContents", written(embedding_body(request, path)))
        raise UnsupportedParameter(f"The Gemini API is not asked for a {type(request).__name__} here.")

    def answer(self, request: object, *, stream: bool) -> AnswerReader:
        """Return what reads the answer to *request*."""
        del stream
        if isinstance(request, CountRequest):
            return CountReader()
        if isinstance(request, EmbeddingRequest):
            return EmbeddingReader(len(request.inputs))
        return ChatReader(request.n if isinstance(request, ChatRequest) else 1)

    def read_refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Return what an error document says."""
        del headers
        return read_refusal(status, body)

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Return the models that can be asked for text or embeddings."""
        return await listed_models(server)


def model_path(model: str) -> str:
    """Return the resource name of *model*, percent-encoded; tuned models have a folder of their own."""
    folder, _, rest = model.partition("/")
    if folder in {"models", "tunedModels"} and rest:
        return f"{folder}/{quote(rest, safe='')}"
    return f"models/{quote(model, safe='')}"
