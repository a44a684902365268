"""A small value that fits a JSON schema."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

DEPTH_LIMIT = 32
LENGTH_LIMIT = 10_000
"""A string or array that must be longer is refused: the echo engine takes no memory because a client says so."""

_FORMATS = {
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "a@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class SchemaUnsupported(Exception):
    """No value can be made: the schema admits none, nests without an end, or asks for what only a real model could write."""


def instance_of(schema_json: str) -> str:
    """Return JSON text that fits the schema: required members, shortest arrays, first of each choice.

    Raises:
        SchemaUnsupported: With the reason.
    """
    root = json.loads(schema_json)
    return json.dumps(_value(root, root, 0), ensure_ascii=False, separators=(",", ":"))


def _value(schema: Any, root: Any, depth: int) -> Any:
    if depth > DEPTH_LIMIT:
        raise SchemaUnsupported(f"the schema nests more than {DEPTH_LIMIT} levels deep")
    if schema is True:
        return {}
    if not isinstance(schema, Mapping):
        raise SchemaUnsupported(f"a schema is {json.dumps(schema)}, which admits nothing")
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "$ref" in schema:
        return _value(_target(schema["$ref"], root), root, depth + 1)
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            rest = {key: value for key, value in schema.items() if key != choice}
            return _first(schema[choice], rest, root, depth)
    if schema.get("allOf"):
        return _value(_all_of(schema, root), root, depth + 1)
    return _plain(schema, root, depth)


def _all_of(schema: Mapping[str, Any], root: Any) -> dict[str, Any]:
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        merged = _merge(merged, _target(part["$ref"], root) if "$ref" in part else part)
    return merged


def _first(choices: list[Any], rest: dict[str, Any], root: Any, depth: int) -> Any:
    """The first choice that ends: a recursive schema lists its leaf somewhere."""
    reason = SchemaUnsupported("no choice of the schema admits a value")
    for choice in choices:
        try:
            whole = _merge(rest, choice) if isinstance(choice, Mapping) else choice
            return _value(whole, root, depth + 1)
        except SchemaUnsupported as error:
            reason = error
    raise reason


def _plain(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        return {name: _value(properties.get(name, True), root, depth + 1) for name in schema.get("required", ())}
    if kind == "array" or (kind is None and "items" in schema):
        prefix = schema.get("prefixItems", [])
        items = [prefix[i] if i < len(prefix) else schema.get("items", True) for i in range(_length(schema, "minItems"))]
        return [_value(item, root, depth + 1) for item in items]
    if kind in ("integer", "number"):
        return _number(schema, is_whole=kind == "integer")
    if kind == "string":
        return _string(schema)
    if kind not in (None, "boolean", "null"):
        raise SchemaUnsupported(f"{json.dumps(kind)} is no type of JSON schema")
    return {"boolean": False, "null": None}.get(kind or "", {})


def _string(schema: Mapping[str, Any]) -> str:
    if "pattern" in schema:
        raise SchemaUnsupported(f"the echo engine cannot write a string for the pattern {schema['pattern']!r}")
    text = _FORMATS.get(schema.get("format", ""), "")
    return text.ljust(_length(schema, "minLength"), "x")


def _length(schema: Mapping[str, Any], keyword: str) -> int:
    length = int(schema.get(keyword, 0))
    if not 0 <= length <= LENGTH_LIMIT:
        raise SchemaUnsupported(f"{keyword} is {length}, expected 0 to {LENGTH_LIMIT}")
    return length


def _number(schema: Mapping[str, Any], *, is_whole: bool) -> int | float:
    step = schema.get("multipleOf", 1 if is_whole else None)
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (step or 0.5)
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - (step or 0.5)
    value: int | float = 0
    if low is not None and value < low:
        value = math.ceil(low / step) * step if step else low
    elif high is not None and value > high:
        value = math.floor(high / step) * step if step else high
    if (low is not None and value < low) or (high is not None and value > high):
        raise SchemaUnsupported(f"no number is at least {low} and at most {high}")
    return int(value) if is_whole else value


def _target(reference: str, root: Any) -> Any:
    if not reference.startswith("#"):
        raise SchemaUnsupported(f"the reference {reference!r} leaves the schema")
    found = root
    for step in reference[1:].strip("/").split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if key and (not isinstance(found, Mapping) or key not in found):
            raise SchemaUnsupported(f"the reference {reference!r} leads nowhere")
        found = found[key] if key else found
    return found


def _merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return merged
