"""Every setting in one list: key, value, origin. For ``llmlb config show``; secrets are masked here and nowhere later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import fields, frozen, has

from llmlb_core.settings.load import LoadedSettings
from llmlb_core.settings.problems import Path as KeyPath
from llmlb_core.settings.problems import render_path
from llmlb_core.settings.sections import MASK
from llmlb_core.settings.structure import is_secret_key

DEFAULT = "default"
_OWN_ROWS = {"plugin_tables", "warnings"}


@frozen
class Row:
    """One setting.

    Attributes:
        key: As TOML writes it, such as ``models."qwen3:8b".engine``.
        value: JSON-like, masked where it is a secret; None where it is not set.
        origin: ``default``, ``llmlb.toml:12``, ``env LLMLB_PORT`` or ``--data-dir``.
    """

    key: str
    value: object
    origin: str


def rows(loaded: LoadedSettings, plugin_settings: Mapping[str, object]) -> list[Row]:
    """Return all settings in the order of their classes.

    Args:
        loaded: What was read.
        plugin_settings: Instances of plugins' own settings classes, by plugin; of other plugins the table is shown.
    """
    settings = loaded.settings
    found = [
        row
        for attribute in fields(type(settings))
        if attribute.name not in _OWN_ROWS
        for row in _rows((attribute.name,), getattr(settings, attribute.name), loaded.origins)
    ]
    tables = {**settings.plugin_tables, **{name: value for name, value in plugin_settings.items() if value is not None}}
    for name in sorted(tables):
        found += _rows(("plugins", name), tables[name], loaded.origins)
    return found


def _rows(path: KeyPath, value: object, origins: Mapping[KeyPath, str]) -> Iterator[Row]:
    if has(type(value)):
        cls: Any = type(value)
        for attribute in fields(cls):
            member_path = (*path, str(attribute.alias))
            member: Any = getattr(value, attribute.name)
            mask = attribute.metadata.get("mask")
            if attribute.metadata.get("secret"):
                yield Row(render_path(member_path), None if member is None else MASK, _origin(member_path, origins))
            else:
                yield from _rows(member_path, mask(member) if mask else member, origins)
    elif isinstance(value, tuple) and value and has(type(value[0])):
        for index, member in enumerate(value):
            yield from _rows((*path, index), member, origins)
    elif isinstance(value, Mapping) and value:
        for key, member in value.items():
            yield from _rows((*path, str(key)), member, origins)
    else:
        shown = MASK if value and is_secret_key(path[-1]) else _plain(value)
        yield Row(render_path(path), shown, _origin(path, origins))


def _origin(path: KeyPath, origins: Mapping[KeyPath, str]) -> str:
    """Return where a value comes from; a table's own origin counts for all that was written in it."""
    return origins.get(path, DEFAULT)


def _plain(value: object) -> object:
    """Return what JSON can say."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(member) for member in value]
    if isinstance(value, Mapping):
        return {str(key): MASK if is_secret_key(key) else _plain(member) for key, member in value.items()}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
