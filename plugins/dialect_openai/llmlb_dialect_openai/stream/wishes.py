"""What a stream must hold to be whole, as its request says."""

from __future__ import annotations

from typing import Any

import msgspec

from llmlb_core import Call, RoutingFields


class Wishes(RoutingFields, frozen=True):
    """The routing fields, and those that a reader of the answer needs. Wrong types are found where the body is read whole.

    Attributes:
        n: How many choices.
        stream_options: An object, or what the client wrote instead of one.
    """

    n: Any = 1
    stream_options: Any = None


class _Prompts(msgspec.Struct):
    prompt: Any = None


def choice_count(call: Call) -> int:
    """Return how many choices the answer of a chat must have."""
    count = getattr(call.fields, "n", 1)
    return count if isinstance(count, int) and count > 0 else 1


def picture_count(call: Call) -> int:
    """Return how many pictures a call asks for; 1 where it asks for something else."""
    told = getattr(call.fields, "n", 1) if call.form is None else call.form.text("n")
    if isinstance(told, str):
        told = int(told) if told.isascii() and told.isdigit() and len(told) < 4 else 1
    return told if isinstance(told, int) and told > 0 else 1


def prompt_count(call: Call) -> int:
    """Return how many prompts a completion has."""
    try:
        prompt = msgspec.json.decode(call.body, type=_Prompts).prompt
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 1
    is_many = isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list)
    return len(prompt) if is_many else 1


def wants_usage(call: Call) -> bool:
    """Whether a chunk with usage is asked for."""
    options = getattr(call.fields, "stream_options", None)
    return isinstance(options, dict) and bool(options.get("include_usage"))
