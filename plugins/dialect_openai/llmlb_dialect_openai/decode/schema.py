"""JSON schemas and names of functions and formats, kept as JSON text."""

from __future__ import annotations

import re

import orjson

from llmlb_core import ResponseFormat
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.fields import Fields, wrong_type, wrong_value

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


def read_name(fields: Fields) -> str:
    """Read the name of a function or of a format."""
    name = fields.required_string("name")
    if not _NAME.match(name):
        raise wrong_value(fields.param("name"), "a name that matches '^[a-zA-Z0-9_-]{1,64}$'", name)
    return name


def read_schema(fields: Fields, name: str) -> str | None:
    """Return a JSON schema as JSON text.

    Raises:
        InvalidRequest: Not an object, or nested more deeply than JSON text can be written.
    """
    value = fields.value(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_type(fields.param(name), "an object (a JSON schema)", value)
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise InvalidRequest(
            f"Invalid schema for '{fields.param(name)}': nested too deeply; 250 levels are the most.", param=fields.param(name)
        ) from error


def read_format(fields: Fields, param: str, schema: Fields | None) -> ResponseFormat:
    """Read a response format.

    Args:
        fields: The object that has ``type``.
        param: Where *schema* should be, for the error when it is not there.
        schema: The object that has ``name``, ``schema`` and ``strict``; the same one in the Responses API.
    """
    fields.require("type")
    kind = fields.one_of("type", ("text", "json_object", "json_schema"))
    if kind == "json_object":
        return ResponseFormat(type="json_object")
    if kind != "json_schema":
        return ResponseFormat()
    if schema is None:
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    schema.require("schema")
    schema.string("description")
    return ResponseFormat(
        type="json_schema",
        name=read_name(schema),
        schema_json=read_schema(schema, "schema"),
        strict=bool(schema.boolean("strict")),
    )
