"""Turns tables into attrs instances, strictly, and collects everything that is wrong on the way.

Plain types are done here; cattrs, which takes 50 ms to import, is asked only for the others (enums, dates, unions) that a
plugin's class may have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from attrs import NOTHING, Attribute, fields, has, resolve_types

from llmlb_core.settings.problems import Path as KeyPath
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import range_problem

INVALID: Final = object()
"""What ``structure`` returns where it noted a problem."""

_NAMES: dict[object, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes",
    dict: "a table",
    tuple: "an array",
    list: "an array",
    frozenset: "an array",
    set: "an array",
}
_PLURALS: dict[object, str] = {str: "strings", int: "integers", float: "numbers", bool: "booleans", Path: "paths in quotes"}
_ARRAYS: dict[object, type] = {tuple: tuple, list: list, frozenset: frozenset, set: set}
_SECRET_KEY = re.compile(r"(?i)secret|passw|credential|(^|_)(key|token)$")


def is_secret_key(key: object) -> bool:
    """Whether a key's name says that its value is a secret, where no metadata says so."""
    return isinstance(key, str) and _SECRET_KEY.search(key) is not None


def expected_text(expected: object) -> str:
    """Name a type as an error message does: ``an integer``, ``an array of strings``, ``one of 'a', 'b'``."""
    origin, inner = get_origin(expected), get_args(expected)
    if origin in (Union, UnionType):
        return " or ".join(expected_text(member) for member in inner if member is not NoneType)
    if origin is Literal:
        return "one of " + ", ".join(repr(member) for member in inner)
    if origin in _ARRAYS and inner:
        return f"an array of {_PLURALS.get(inner[0], 'tables')}"
    if has(expected if isinstance(expected, type) else NoneType):
        return "a table"
    return _NAMES.get(origin or expected, getattr(expected, "__name__", str(expected)))


def seen_text(value: object, *, is_secret: bool = False) -> str:
    """Describe a wrong value, never a secret one."""
    kinds: tuple[tuple[type, str], ...] = ((bool, "a boolean"), (str, "a string"), (int, "an integer"), (float, "a float"))
    kind = next((name for type_, name in kinds if isinstance(value, type_)), None)
    if kind is None:
        return "a table" if isinstance(value, Mapping) else "an array" if isinstance(value, list | tuple) else type(value).__name__
    if is_secret:
        return kind
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value)
    return f"{kind.replace('a ', 'the ').replace('an ', 'the ')} {shown if len(shown) <= 60 else shown[:57] + '…' + shown[-1]}"


def structure(value: object, expected: Any, path: KeyPath, problems: Problems, *, is_secret: bool = False) -> Any:
    """Return *value* as an *expected*, or note what is wrong with it and return ``INVALID``.

    Nothing is converted but what TOML cannot say: integers where a number is expected, arrays as tuples, strings as paths.
    """
    origin, inner = get_origin(expected), get_args(expected)
    is_secret = is_secret or bool(path and is_secret_key(path[-1]))
    if expected is object or expected is Any:
        return value
    if isinstance(expected, type) and has(expected):
        return structure_class(expected, value, path, problems)
    if origin in (Union, UnionType):
        members = tuple(member for member in inner if member is not NoneType)
        # `str | SomeClass`: a table, or something shorter that stands for one
        tables = tuple(member for member in members if isinstance(member, type) and has(member))
        chosen = members if len(members) == 1 else tables if isinstance(value, Mapping) else ()
        if len(chosen) == 1:
            is_absent = value is None and NoneType in inner
            return None if is_absent else structure(value, chosen[0], path, problems, is_secret=is_secret)
    array = _ARRAYS.get(origin or expected)
    if array is not None and isinstance(value, list | tuple) and (array is not tuple or len(inner) != 1):
        member_type = inner[0] if inner and (array is not tuple or inner[-1] is Ellipsis) else object
        members = tuple(structure(member, member_type, (*path, i), problems, is_secret=is_secret) for i, member in enumerate(value))
        return INVALID if any(member is INVALID for member in members) else array(members)
    if (origin or expected) in (dict, Mapping) and isinstance(value, Mapping):
        member_type = inner[1] if inner else object
        table = {key: structure(member, member_type, (*path, key), problems, is_secret=is_secret) for key, member in value.items()}
        return INVALID if any(member is INVALID for member in table.values()) else table
    result = _leaf(value, expected)
    if result is INVALID:
        problems.add(path, f"expected {expected_text(expected)}, got {seen_text(value, is_secret=is_secret)}")
    return result


def _leaf(value: object, expected: Any) -> object:
    if get_origin(expected) is Literal:
        # compared with the type: True is not 1 here
        return value if any(value == member and type(value) is type(member) for member in get_args(expected)) else INVALID
    if expected in (str, int, bool):
        return value if type(value) is expected else INVALID
    if expected is float:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else INVALID
    if expected is Path:
        return Path(value).expanduser() if isinstance(value, str) and value else INVALID
    if (get_origin(expected) or expected) in (dict, Mapping, *_ARRAYS):
        return INVALID
    return _unusual_leaf(value, expected)


def _unusual_leaf(value: object, expected: Any) -> object:
    if isinstance(expected, type) and isinstance(value, expected):  # TOML has dates and times of its own
        return value
    from cattrs import Converter
    from cattrs.strategies import configure_union_passthrough

    converter = Converter()
    configure_union_passthrough(str | int | float | bool | None, converter)
    try:
        return converter.structure(value, expected)
    except Exception:  # noqa: BLE001  # cattrs raises what the type's own constructor raises: anything
        return INVALID


def structure_class(cls: type, table: object, path: KeyPath, problems: Problems) -> Any:
    """Return an instance of the attrs class *cls*, or note every problem and return ``INVALID``."""
    if not isinstance(table, Mapping):
        problems.add(path, f"expected a table, got {seen_text(table, is_secret=True)}")
        return INVALID
    resolve_types(cls)
    attributes: dict[str, Attribute[Any]] = {str(a.alias): a for a in fields(cls) if a.init}
    before = len(problems.lines)
    for key in table:
        if key not in attributes:
            problems.add((*path, key), unknown_key_text(key, tuple(attributes)))
    values = {}
    for key, attribute in attributes.items():
        if key not in table:
            if attribute.default is NOTHING:
                problems.add((*path, key), f"is missing, expected {expected_text(attribute.type)}")
            continue
        values[key] = _structure_field(attribute, table[key], (*path, key), problems)
    if len(problems.lines) > before:
        return INVALID
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        _note_refusal(error, path, problems)
        return INVALID


def _note_refusal(error: Exception, path: KeyPath, problems: Problems) -> None:
    """Tell what a class's own validator refused; attrs' validators say which attribute, and put the value into the message."""
    attribute = next((argument for argument in error.args if isinstance(argument, Attribute)), None)
    told = str(error.args[0]) if error.args else type(error).__name__
    if attribute is None:
        problems.add(path, told)
        return
    key = str(attribute.alias)
    is_secret = attribute.metadata.get("secret") or is_secret_key(key)
    problems.add((*path, key), "has a value that is refused" if is_secret else told)


def _structure_field(attribute: Attribute[Any], value: object, path: KeyPath, problems: Problems) -> object:
    metadata = attribute.metadata
    result = structure(value, attribute.type, path, problems, is_secret=bool(metadata.get("secret")))
    if result is not INVALID:
        problem = range_problem(result, metadata.get("minimum"), metadata.get("maximum"))
        if problem:
            problems.add(path, problem)
    return result


def unknown_key_text(key: str, known: tuple[str, ...]) -> str:
    """Say that a key is unknown, with the nearest known name, or all of them where none is near."""
    near = get_close_matches(key, known, n=1)
    if near:
        return f"is not a setting; did you mean {near[0]!r}?"
    return f"is not a setting; known here: {', '.join(sorted(known)) or 'none'}"
