"""Bytes to JSON: the few fields that routing reads, and the whole body."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from llmlb_core import RoutingFields
from llmlb_core.errors import InvalidJson, InvalidRequest
from llmlb_dialect_openai.fields import Fields
from llmlb_dialect_openai.stream.wishes import Wishes

MAX_MODEL_LENGTH = 512


_ROUTING = msgspec.json.Decoder(Wishes)


def routing_fields(body: bytes) -> RoutingFields:
    """Decode ``model`` and ``stream`` only.

    Raises:
        InvalidJson: Not JSON, or not an object.
        InvalidRequest: One of the two has the wrong type.
    """
    try:
        routing = _ROUTING.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fields = load(body)
        fields.string("model")
        fields.boolean("stream")
        # msgspec refuses what orjson takes: keep its own words.
        raise InvalidJson(f"The request body is not JSON that is understood here: {error}.") from error
    model = routing.model
    if model is not None and len(model) > MAX_MODEL_LENGTH:
        raise InvalidRequest(
            f"Invalid 'model': string too long. Expected at most {MAX_MODEL_LENGTH} characters, got {len(model)}.",
            param="model",
            code="string_above_max_length",
        )
    if not model or routing.stream is None:
        return Wishes(model or None, bool(routing.stream), routing.n, routing.stream_options)
    return routing


class _Speech(msgspec.Struct):
    stream_format: object = None


def speech_routing_fields(body: bytes) -> RoutingFields:
    """As ``routing_fields``: speech is streamed as events where ``stream_format`` says ``sse``."""
    fields = routing_fields(body)
    try:
        format_ = msgspec.json.decode(body, type=_Speech).stream_format
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return fields
    return RoutingFields(fields.model, format_ == "sse")


def load(body: bytes) -> Fields:
    """Decode the whole body, which must be an object.

    Raises:
        InvalidJson: With line and column where it is not JSON.
    """
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(
            f"We could not parse the JSON body of your request: {error}. "
            "Expected one JSON object, in UTF-8; check quotes, commas and the content-type."
        ) from error
    if not isinstance(value, dict):
        kind = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
        raise InvalidJson(f"The request body must be a JSON object, but it is {kind}.")
    return Fields(value)
