"""Prompts and inputs: a text, texts, a list of token ids, or several of these lists."""

from __future__ import annotations

from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.fields import Fields, quoted, wrong_type

Input = str | tuple[int, ...]

_MAX_TOKEN = 2**31 - 1
_FORMS = "a string, an array of strings, an array of token ids, or an array of arrays of token ids"


def read_inputs(fields: Fields, name: str, max_count: int, *, may_be_empty: bool = True) -> tuple[Input, ...]:
    """Read a required member of any of the four forms.

    Args:
        fields: The body.
        name: The member's name.
        max_count: How many prompts or inputs there may be.
        may_be_empty: Whether an empty text is an input.
    """
    value = fields.require(name)
    param = fields.param(name)
    if isinstance(value, str):
        return (_text(value, param, may_be_empty=may_be_empty),)
    if not isinstance(value, list):
        raise wrong_type(param, _FORMS, value)
    if not value:
        raise InvalidRequest(f"Invalid '{param}': empty array. Expected {_FORMS}.", param=param, code="empty_array")
    if _is_token(value[0]):
        return (_tokens(value, param),)
    if len(value) > max_count:
        raise InvalidRequest(
            f"Invalid '{param}': array too long. Expected at most {max_count} items, got {len(value)}.",
            param=param,
            code="array_above_max_length",
        )
    return tuple(_one(item, f"{param}[{index}]", may_be_empty=may_be_empty) for index, item in enumerate(value))


def _one(item: object, param: str, *, may_be_empty: bool) -> Input:
    """Read one of several inputs."""
    if isinstance(item, str):
        return _text(item, param, may_be_empty=may_be_empty)
    if isinstance(item, list):
        return _tokens(item, param)
    raise wrong_type(param, "a string or an array of token ids", item)


def _text(text: str, param: str, *, may_be_empty: bool) -> str:
    """Check one text."""
    if not text and not may_be_empty:
        raise InvalidRequest(f"Invalid '{param}': the input is an empty string.", param=param)
    return text


def _tokens(items: list[object], param: str) -> tuple[int, ...]:
    """Check one list of token ids."""
    if not items:
        raise InvalidRequest(f"Invalid '{param}': empty array. Expected at least one token id.", param=param, code="empty_array")
    tokens = []
    for index, item in enumerate(items):
        if not isinstance(item, int) or isinstance(item, bool):
            raise wrong_type(f"{param}[{index}]", "an integer (a token id)", item)
        if not 0 <= item <= _MAX_TOKEN:
            raise InvalidRequest(f"Invalid '{param}[{index}]': {quoted(item)} is not a token id.", param=f"{param}[{index}]")
        tokens.append(item)
    return tuple(tokens)


def _is_token(item: object) -> bool:
    """Whether a list that begins with *item* is meant as token ids."""
    return isinstance(item, int) and not isinstance(item, bool)
