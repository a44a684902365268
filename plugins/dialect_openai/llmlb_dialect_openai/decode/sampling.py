"""Sampling parameters and stop strings, shared by the routes that generate text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmlb_core import Sampling
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.fields import Fields, quoted, wrong_type, wrong_value

MAX_N = 8
_MAX_STOPS = 4
_MAX_BIASES = 1024
_INT32 = 2**31 - 1
_INT64 = 2**63 - 1
_TOKEN_ID = re.compile(r"[0-9]{1,9}\Z", re.ASCII)


def read_sampling(fields: Fields, max_tokens_names: Sequence[str], *, least_tokens: int = 1) -> Sampling:
    """Read how tokens are drawn.

    Args:
        fields: The body.
        max_tokens_names: Parameters that bound the answer; the first one present wins, all are checked.
        least_tokens: The smallest bound.
    """
    bounds = [fields.integer(name, least_tokens, _INT32) for name in max_tokens_names]
    top_k = fields.integer("top_k", -1, _INT32)
    return Sampling(
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        # Servers disagree on how to write "no limit": 0 or -1.
        top_k=None if top_k == -1 else top_k,
        min_p=fields.number("min_p", 0, 1),
        presence_penalty=fields.number("presence_penalty", -2, 2) or 0.0,
        frequency_penalty=fields.number("frequency_penalty", -2, 2) or 0.0,
        repeat_penalty=_repeat_penalty(fields),
        seed=fields.integer("seed", -_INT64 - 1, _INT64),
        logit_bias=_logit_bias(fields),
        max_tokens=next((bound for bound in bounds if bound is not None), None),
    )


def _repeat_penalty(fields: Fields) -> float | None:
    """Read llama.cpp's and vLLM's name for the same thing."""
    values = [fields.number(name, 0.01, 10) for name in ("repeat_penalty", "repetition_penalty")]
    return next((value for value in values if value is not None), None)


def _logit_bias(fields: Fields) -> tuple[tuple[int, float], ...]:
    """Read a map of token ids, as strings, to biases."""
    table = fields.object("logit_bias")
    if table is None:
        return ()
    if len(table.table) > _MAX_BIASES:
        raise InvalidRequest(
            f"Invalid 'logit_bias': too many tokens. Expected at most {_MAX_BIASES}, got {len(table.table)}.", param="logit_bias"
        )
    pairs = []
    for key, bias in table.table.items():
        if not _TOKEN_ID.match(key):
            raise InvalidRequest(
                f"Invalid key in 'logit_bias': {quoted(key)}. Keys are token ids written as strings, such as '50256'.",
                param="logit_bias",
            )
        if not isinstance(bias, int | float) or isinstance(bias, bool):
            raise wrong_type(f"logit_bias.{key}", "a number", bias)
        if not -100 <= bias <= 100:
            raise wrong_value(f"logit_bias.{key}", "a number from -100 to 100", bias)
        pairs.append((int(key), float(bias)))
    return tuple(pairs)


def read_stop(fields: Fields) -> tuple[str, ...]:
    """Read ``stop``: a string, or up to four."""
    value = fields.value("stop")
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list):
        raise wrong_type("stop", "a string or an array of strings", value)
    if len(stops) > _MAX_STOPS:
        raise InvalidRequest(
            f"Invalid 'stop': array too long. Expected at most {_MAX_STOPS} items, got {len(stops)}.",
            param="stop",
            code="array_above_max_length",
        )
    checked = []
    for index, stop in enumerate(stops):
        param = "stop" if isinstance(value, str) else f"stop[{index}]"
        if not isinstance(stop, str):
            raise wrong_type(param, "a string", stop)
        if not stop:
            raise InvalidRequest(f"Invalid '{param}': empty string. A stop string has at least one character.", param=param)
        checked.append(stop)
    return tuple(checked)


def read_n(fields: Fields) -> int:
    """Read ``n``, 1 to 8 (24157000-F10)."""
    value = fields.integer("n", 1, MAX_N)
    return 1 if value is None else value
