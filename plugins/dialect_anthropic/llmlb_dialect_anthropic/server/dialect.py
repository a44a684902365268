"""The dialect ``anthropic`` as servers speak it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec

from llmlb_core import AnswerReader, ChatRequest, CountRequest, Encoded, Operation, Refusal, RemoteModel, Server, ServerDialect
from llmlb_core.errors import UnsupportedParameter
from llmlb_dialect_anthropic.server.answer import MessageReader
from llmlb_dialect_anthropic.server.encode import body_of, count_body_of, lacking

MOST_PAGES = 20
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""By the word in an error document: one in a stream has no other status."""


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Document(msgspec.Struct):
    error: _Error | None = None


class _Model(msgspec.Struct):
    id: str
    max_input_tokens: int | None = None


class _Page(msgspec.Struct):
    data: list[_Model]
    has_more: bool = False
    last_id: str | None = None


class AnthropicServerDialect(ServerDialect):
    """Anthropic's Messages API, by its public reference, checked against the types of the official SDK."""

    name: ClassVar[str] = "anthropic"
    operations: ClassVar[frozenset[Operation]] = frozenset({Operation.CHAT, Operation.RESPONSE, Operation.COUNT_TOKENS})
    headers: ClassVar[tuple[tuple[str, str], ...]] = (("anthropic-version", "2023-06-01"),)
    passed_on: ClassVar[tuple[str, ...]] = ("anthropic-version", "anthropic-beta")

    def root(self, base_path: str) -> str:
        """Return the path with one ``/v1``, which the official SDK adds to every base URL."""
        return f"{base_path.rstrip('/').removesuffix('/v1')}/v1"

    def credential(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the header of the reference."""
        return (("x-api-key", key),)

    def lacks(self, request: object, model: str) -> tuple[str, ...]:
        """Return what the API has no word for; newer models take no sampling parameters."""
        return lacking(request, model) if isinstance(request, ChatRequest) else ()

    def encode(self, request: object, model: str, *, stream: bool) -> Encoded:
        """Write a message, or a question for the number of its tokens."""
        if isinstance(request, CountRequest):
            return Encoded("/messages/count_tokens", count_body_of(request.chat, model))
        if isinstance(request, ChatRequest):
            return Encoded("/messages", body_of(request, model, stream=stream))
        raise UnsupportedParameter("This provider has chats only.", param="model")

    def answer(self, request: object, *, stream: bool) -> AnswerReader:
        """Return a reader of both forms."""
        del request, stream
        return MessageReader()

    def read_refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Read ``{"type": "error", "error": {"type", "message"}}``."""
        del status, headers
        try:
            error = msgspec.json.decode(body, type=_Document).error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return None if error is None else Refusal(error.message, type=error.type, status=_STATUSES.get(error.type))

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Read page after page."""
        models: list[RemoteModel] = []
        path = "/models?limit=1000"
        for _ in range(MOST_PAGES):
            page = await server.get_json(path, _Page)
            models += [RemoteModel(each.id, context_tokens=each.max_input_tokens, owned_by="anthropic") for each in page.data]
            if not page.has_more or not page.last_id:
                break
            path = f"/models?limit=1000&after_id={quote(page.last_id, safe='')}"
        return models
