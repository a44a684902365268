"""Reads settings from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from attrs import Attribute, field, fields, frozen, has, resolve_types

from llmlb_core.settings.problems import Path as KeyPath
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import Settings
from llmlb_core.settings.structure import INVALID, expected_text, seen_text

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
_LEVELS = {"warn": "warning", "trace": "debug", "err": "error", "off": "error"}


@frozen
class Environment:
    """What the environment sets.

    Attributes:
        values: Parsed values by ``(section, key)``.
        variables: Which variable each came from.
        warnings: One sentence per deprecated variable.
    """

    values: dict[tuple[str, str], object] = field(factory=dict)
    variables: dict[KeyPath, str] = field(factory=dict)
    warnings: list[str] = field(factory=list)


def section_classes() -> dict[str, type]:
    """The tables of the file that are one attrs class each, by name."""
    resolve_types(Settings)
    return {a.name: a.type for a in fields(Settings) if isinstance(a.type, type) and has(a.type)}


def read_environment(environ: Mapping[str, str], problems: Problems) -> Environment:
    """Return what *environ* sets; an empty variable sets nothing, and a current name wins over a deprecated one."""
    found = Environment()
    for section, cls in section_classes().items():
        read_class(cls, (section,), environ, problems, found)
    return found


def read_class(cls: type, path: KeyPath, environ: Mapping[str, str], problems: Problems, found: Environment) -> None:
    """Add what *environ* sets of one class, whose table stands at *path*, to *found*."""
    resolve_types(cls)
    attributes: Any = fields(cls)
    for attribute in attributes:
        names: tuple[str, ...] = attribute.metadata.get("env", ())
        variable = next((name for name in names if environ.get(name)), None)
        if variable is None:
            continue
        if variable != names[0]:
            found.warnings.append(f"the variable {variable} is deprecated; use {names[0]}")
        value = _parse(environ[variable], attribute)
        if value is INVALID:
            seen = seen_text(environ[variable], is_secret=bool(attribute.metadata.get("secret")))
            problems.add((*path, attribute.name), f"expected {_expected(attribute.type)}, got {seen}", where=variable)
        else:
            found.values[str(path[-1]), attribute.name] = value
            found.variables[*path, attribute.name] = variable


def _expected(expected: object) -> str:
    return "1, true, yes, on, 0, false, no or off" if expected is bool else expected_text(expected)


def _parse(text: str, attribute: Attribute[Any]) -> object:
    """Read *text* as the attribute's type; ranges and choices are checked later, with those of the file."""
    expected: Any = attribute.type
    if get_origin(expected) in (Union, UnionType):
        expected = next(member for member in get_args(expected) if member is not NoneType)
    if expected is bool:
        lowered = text.strip().lower()
        return True if lowered in TRUE else False if lowered in FALSE else INVALID
    if expected in (int, float):
        try:
            return expected(text.strip())
        except ValueError:
            return INVALID
    if get_origin(expected) is Literal:
        # RUST_LOG may say `warn` or `info,hyper=debug`: its first plain word counts
        word = next((part for part in text.lower().split(",") if "=" not in part), text).strip()
        return _LEVELS.get(word, word)
    if get_origin(expected) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
