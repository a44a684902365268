"""Bytes to JSON: the few fields that routing reads, and the whole body."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from llmlb_core import RoutingFields
from llmlb_core.errors import InvalidJson
from llmlb_dialect_anthropic.fields import Fields, kind_of, missing

MAX_MODEL_LENGTH = 512

_ROUTING = msgspec.json.Decoder(RoutingFields)


def routing_fields(body: bytes) -> RoutingFields:
    """Decode ``model`` and ``stream`` only.

    Raises:
        InvalidJson: Not JSON, or not an object.
        InvalidRequest: One of the two has the wrong type, or there is no model.
    """
    try:
        routing = _ROUTING.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fields = load(body)
        fields.string("model")
        fields.boolean("stream")
        # msgspec refuses what orjson takes: keep its own words.
        raise InvalidJson(f"The request body is not JSON that is understood here: {error}.") from error
    if not routing.model:
        raise missing("model")
    if len(routing.model) > MAX_MODEL_LENGTH:
        Fields({"model": routing.model}).string("model", max_length=MAX_MODEL_LENGTH)
    return routing if routing.stream is not None else RoutingFields(routing.model, False)


def load(body: bytes) -> Fields:
    """Decode the whole body, which must be an object.

    Raises:
        InvalidJson: With line and column where it is not JSON.
    """
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(
            f"The request body is not valid JSON: {error}. Expected one JSON object, in UTF-8; check quotes and commas."
        ) from error
    if not isinstance(value, dict):
        raise InvalidJson(f"The request body must be a JSON object, but it is {kind_of(value)}.")
    return Fields(value)
