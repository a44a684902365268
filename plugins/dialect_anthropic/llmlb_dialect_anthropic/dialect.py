"""The dialect ``anthropic``: the Messages API, as clients speak it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from llmlb_core import (
    Call,
    Capability,
    Decoded,
    Dialect,
    ImageReference,
    Operation,
    Renderer,
    Route,
    RoutingFields,
    StreamReader,
)
from llmlb_core.errors import CallError
from llmlb_dialect_anthropic.decode.body import load, routing_fields
from llmlb_dialect_anthropic.decode.request import decode_count, decode_message
from llmlb_dialect_anthropic.error_document import error_document
from llmlb_dialect_anthropic.images import images_of, with_images
from llmlb_dialect_anthropic.render.count import TokenCount
from llmlb_dialect_anthropic.render.events import MessageStream
from llmlb_dialect_anthropic.render.message import MessageAnswer
from llmlb_dialect_anthropic.stream.reader import EventReader

BODY_BYTES = 32 * 1024 * 1024
"""Anthropic's own limit."""
_IMAGE = b'"image"'
# What the API calls a canonical parameter, where that is another name.
_PARAMS = {
    "prompt": "messages",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "thinking_tokens": "thinking.budget_tokens",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "user": "metadata.user_id",
    "continues": "messages",
}


class AnthropicDialect(Dialect):
    """Anthropic's Messages API as its public reference has it, checked against the types of the official SDK."""

    name: ClassVar[str] = "anthropic"
    routes: tuple[Route, ...] = (
        Route("/v1/messages", Operation.CHAT, Capability.TEXT_GENERATION, BODY_BYTES, image_mark=_IMAGE),
        Route("/v1/messages/count_tokens", Operation.COUNT_TOKENS, Capability.TEXT_GENERATION, BODY_BYTES, image_mark=_IMAGE),
    )

    def parse(self, route: Route, body: bytes) -> RoutingFields:
        """Decode the routing fields; a count is never streamed."""
        fields = routing_fields(body)
        if fields.stream and route.operation is Operation.COUNT_TOKENS:
            return RoutingFields(fields.model, False)
        return fields

    def decode(self, route: Route, body: bytes) -> Decoded:
        """Decode and check everything."""
        fields = load(body)
        return decode_count(fields) if route.operation is Operation.COUNT_TOKENS else decode_message(fields)

    def images(self, route: Route, body: bytes) -> tuple[ImageReference, ...]:
        """Look at the blocks of messages, and of the results of tools."""
        del route
        return images_of(body)

    def with_images(self, route: Route, body: bytes, urls: Sequence[str]) -> bytes:
        """Write *urls* as the sources of the images: data URLs as base64."""
        del route
        return with_images(body, urls)

    def renderer(self, call: Call, model: str) -> Renderer:
        """Return the renderer of *call*: events where it asked for a stream, else one object."""
        if call.route.operation is Operation.COUNT_TOKENS:
            return TokenCount()
        return MessageStream(call, model) if call.stream else MessageAnswer(call, model)

    def reader(self, call: Call) -> StreamReader:
        """Return the reader of *call*'s stream."""
        del call
        return EventReader()

    def error(self, error: CallError) -> bytes:
        """Return the body of an error answer."""
        return error_document(error)

    def param(self, call: Call, name: str) -> str:
        """Return the name that the reference has."""
        del call
        return _PARAMS.get(name, name)
