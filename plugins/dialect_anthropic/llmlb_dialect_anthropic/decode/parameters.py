"""Sampling, thinking, the form of the answer, and what has no effect here."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from llmlb_core import ResponseFormat, Sampling
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_anthropic.decode.tools import schema_text
from llmlb_dialect_anthropic.fields import Fields, unsupported, wrong_type

MAX_STOPS = 64
"""More than anybody needs; each is looked for in every piece of the answer."""
_INT32 = 2**31 - 1
_MIN_BUDGET = 1024
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_NAMELESS = "output"
"""Anthropic's schemas have no name; those of other dialects must have one."""
_UNPRINTABLE = re.compile(r"[^A-Za-z0-9_.\[\]-]")
_MAX_NAMES = 32
_MAX_NAME_LENGTH = 64

# Values that ask for nothing that an answer could show; any other one is told in the list of ignored parameters.
_EFFECTLESS: dict[str, tuple[object, ...]] = {
    "service_tier": ("auto", "standard_only"),
    "speed": ("standard",),
    "inference_geo": (),
    "diagnostics": (),
    "context_management": (),
    "user_profile_id": (),
    "workspace_id": (),
}
_REFUSED = {
    "mcp_servers": "No other servers are asked from here. Leave it out, or offer what they do as tools of your own.",
    "container": "No code is run here. Leave it out.",
}


@frozen
class Thoughts:
    """How the model shall think: ``ChatRequest.thinking_tokens`` and ``reasoning_effort``."""

    tokens: int | None
    effort: str | None


def read_sampling(fields: Fields, *, needs_bound: bool) -> Sampling:
    """Read how tokens are drawn; ``max_tokens`` must be there where the answer *needs* a *bound*."""
    if needs_bound:
        fields.require("max_tokens")
    return Sampling(
        temperature=fields.number("temperature", 0, 1),
        top_p=fields.number("top_p", 0, 1),
        top_k=fields.integer("top_k", 0, _INT32),
        max_tokens=fields.integer("max_tokens", 0, _INT32),
    )


def read_stops(fields: Fields) -> tuple[str, ...]:
    """Read ``stop_sequences``."""
    stops: list[str] = []
    for index, stop in enumerate(fields.array("stop_sequences", max_length=MAX_STOPS) or ()):
        param = f"stop_sequences.{index}"
        if not isinstance(stop, str):
            raise wrong_type(param, "a valid string", stop)
        if not stop.strip():
            raise InvalidRequest("stop_sequences: each stop sequence must contain non-whitespace", param=param)
        stops.append(stop)
    return tuple(stops)


def read_thoughts(fields: Fields, output: Fields | None, max_tokens: int | None) -> Thoughts:
    """Read ``thinking`` and ``output_config.effort``.

    Raises:
        InvalidRequest: The budget leaves no room for an answer, or is none.
    """
    effort = output.one_of("effort", _EFFORTS) if output is not None else None
    thinking = fields.object("thinking")
    if thinking is None:
        return Thoughts(None, effort)
    thinking.require("type")
    kind = thinking.one_of("type", ("enabled", "disabled", "adaptive", "between_tools"))
    thinking.one_of("display", ("summarized", "omitted"))
    if kind == "disabled":
        return Thoughts(0, effort)
    if kind != "enabled":
        return Thoughts(None, effort)
    thinking.require("budget_tokens")
    budget = thinking.integer("budget_tokens", _MIN_BUDGET, _INT32)
    if budget is not None and max_tokens is not None and budget >= max_tokens:
        raise InvalidRequest(
            f"`max_tokens` must be greater than `thinking.budget_tokens`, but they are {max_tokens} and {budget}.",
            param="max_tokens",
        )
    return Thoughts(budget, effort)


def read_format(fields: Fields, output: Fields | None) -> ResponseFormat:
    """Read ``output_config.format``, and ``output_format`` as it was called before."""
    given = output.object("format") if output is not None else None
    older = fields.object("output_format")
    given = given if given is not None else older
    if given is None:
        return ResponseFormat()
    given.require("type")
    given.one_of("type", ("json_schema",))
    return ResponseFormat("json_schema", _NAMELESS, schema_text(given.required_object("schema")), strict=True)


def read_user(fields: Fields) -> str | None:
    """Read ``metadata.user_id``."""
    metadata = fields.object("metadata")
    return None if metadata is None else metadata.string("user_id", max_length=512)


def effectless(fields: Fields) -> list[str]:
    """Return names of parameters that ask for something which is not done here, and may be left undone.

    Marks for a cache are no such thing: what is cached, and how, is the server's own affair.

    Raises:
        UnsupportedParameter: One without which the answer would be another.
    """
    fields.value("cache_control")
    for name, reason in _REFUSED.items():
        if fields.value(name):
            raise unsupported(name, reason)
    return [name for name, asked in _EFFECTLESS.items() if (value := fields.value(name)) is not None and value not in asked]


def ignored_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as they may stand in a response header: printable, short, and not too many."""
    shown = [_UNPRINTABLE.sub("?", name[:_MAX_NAME_LENGTH]) or "?" for name in names]
    return tuple(dict.fromkeys(shown))[:_MAX_NAMES]
