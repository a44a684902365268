"""Parameters that no engine reads: hints, known ones without effect, refused ones, unknown ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.fields import Fields, wrong_type

_MAX_NAMES = 32
_MAX_NAME_LENGTH = 64
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9_.\[\]-]")

# Strings that name the client's user, by either of two names, or its cache; they ask for nothing that an answer could show.
_HINTS = {"user": 512, "safety_identifier": 512, "prompt_cache_key": 512}

# Name to what OpenAI takes, and the values that ask for nothing; any other value is told in the list of ignored parameters.
Effectless = Mapping[str, tuple[str, tuple[object, ...]]]

STORED: Effectless = {
    "store": ("boolean", (False,)),
    "service_tier": ("string", ("auto", "default")),
    "prompt_cache_retention": ("string", ("in_memory",)),
    "prompt_cache_options": ("object", ({},)),
}


def read_hints(fields: Fields) -> str | None:
    """Check the hints; return how the client calls its user."""
    told = [fields.string(name, max_length=max_length) for name, max_length in _HINTS.items()]
    return told[1] or told[0]  # the newer name first


def effectless(fields: Fields, table: Effectless) -> list[str]:
    """Check known parameters that have no effect here; return the names of those that asked for one."""
    asked = []
    for name, (kind, defaults) in table.items():
        if kind == "boolean":
            value: object = fields.boolean(name)
        elif kind == "string":
            value = fields.string(name)
        elif kind == "integer":
            value = fields.integer(name, 0, 2**31 - 1)
        elif kind == "array":
            value = fields.array(name)
        else:
            value = fields.value(name)
            if value is not None and not isinstance(value, dict):
                raise wrong_type(fields.param(name), "an object", value)
        if value is not None and value not in defaults:
            asked.append(name)
    return asked


def refuse(fields: Fields, reasons: Mapping[str, str]) -> None:
    """Raise for a parameter whose silent omission would give a wrong answer."""
    for name, reason in reasons.items():
        value = fields.value(name)
        if value is not None and value is not False:
            raise UnsupportedParameter(f"'{fields.param(name)}' is not supported here: {reason}", param=fields.param(name))


def read_metadata(fields: Fields) -> dict[str, str]:
    """Return ``metadata``: at most 16 pairs of strings."""
    table = fields.object("metadata")
    if table is None:
        return {}
    if len(table.table) > 16:
        raise InvalidRequest(
            f"Invalid 'metadata': too many properties. Expected at most 16, got {len(table.table)}.",
            param="metadata",
            code="object_above_max_properties",
        )
    for key, value in table.table.items():
        if not isinstance(value, str):
            raise wrong_type("metadata", "an object of strings", value)
        if len(key) > 64 or len(value) > 512:
            raise InvalidRequest(
                f"Invalid 'metadata': keys have at most 64 characters and values 512; got {len(key)} and {len(value)}.",
                param="metadata",
                code="string_above_max_length",
            )
    return {key: str(value) for key, value in table.table.items()}


def read_stream_options(fields: Fields) -> list[str]:
    """Check ``stream`` and ``stream_options``; return the options that have no effect."""
    streams = fields.boolean("stream")
    options = fields.object("stream_options")
    if options is None:
        return []
    if not streams:
        raise InvalidRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")
    options.boolean("include_usage")
    return ["stream_options.include_obfuscation"] if options.boolean("include_obfuscation") else []


def ignored_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as they may stand in a response header: printable, short, and not too many."""
    listed = [_UNPRINTABLE.sub("?", name[:_MAX_NAME_LENGTH]) or "?" for name in names]
    return tuple(dict.fromkeys(listed))[:_MAX_NAMES]
