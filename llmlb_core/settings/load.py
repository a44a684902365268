"""Reads ``llmlb.toml`` and the environment into ``Settings``, or says everything that is wrong with them.

The environment beats the file, the file beats defaults.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.clouds import check_clouds
from llmlb_core.settings.endpoints import check_endpoints
from llmlb_core.settings.env import Environment, read_class, read_environment, section_classes
from llmlb_core.settings.locate import line_by_path
from llmlb_core.settings.problems import Path as KeyPath
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import (
    CloudSettings,
    EndpointSettings,
    EngineSettings,
    ModelSettings,
    PluginsSettings,
    Settings,
)
from llmlb_core.settings.structure import INVALID, structure, structure_class, unknown_key_text

DATA_DIR_VARIABLE = "LLMLB_DATA_DIR"
FILE_VARIABLE = "LLMLB_CONFIG"
FILE_NAME = "llmlb.toml"
_NAMED: dict[str, type] = {"models": ModelSettings, "engines": EngineSettings, "clouds": CloudSettings}
"""Tables of tables: the inner names are the operator's."""


@define
class _File:
    """A parsed file, or no file; lines are looked for only when somebody asks."""

    path: Path | None = None
    text: str = ""
    tables: dict[str, object] = field(factory=dict)
    _lines: dict[KeyPath, int] | None = None

    def where(self, path: KeyPath) -> str:
        """``llmlb.toml:12``: the line of *path*, or of the nearest thing around it that has one."""
        if self._lines is None:
            self._lines = {_normal(found): line for found, line in line_by_path(self.text).items()}
        for length in range(len(path), 0, -1):
            line = self._lines.get(_normal(path[:length]))
            if line is not None:
                return f"{self.path}:{line}"
        return str(self.path) if self.path else ""


@frozen
class LoadedSettings:
    """Settings, and where each came from.

    Attributes:
        origins: ``llmlb.toml:12``, ``env LLMLB_PORT`` or ``--data-dir``, by key path; what is absent has its default.
    """

    settings: Settings
    origins: dict[KeyPath, str]


def load_settings(*, file: Path | None = None, environ: Mapping[str, str], data_dir: Path | None = None) -> Settings:
    """Return all settings.

    Args:
        file: The file to read; absent = ``LLMLB_CONFIG``, then ``llmlb.toml`` in the data directory if it is there, then none.
        environ: Environment variables, such as ``os.environ``.
        data_dir: The data directory; absent = ``LLMLB_DATA_DIR``, then ``~/.llmlb``.

    Raises:
        SettingsInvalid: Names every unknown key, wrong type and impossible value, each with its line or variable.
    """
    return read_settings(file=file, environ=environ, data_dir=data_dir).settings


def read_settings(*, file: Path | None = None, environ: Mapping[str, str], data_dir: Path | None = None) -> LoadedSettings:
    """As ``load_settings``, with the origins that ``llmlb config show`` prints."""
    folder = (data_dir or Path(environ.get(DATA_DIR_VARIABLE) or "~/.llmlb")).expanduser().absolute()
    source = _find_file(file, environ, folder)
    problems = Problems(source.where)
    environment = read_environment(environ, problems)
    tables = _overlay(source.tables, environment)
    problems.where = lambda path: environment.variables.get(path[:2], "") or source.where(path)
    values = _structure_all(tables, problems)
    problems.stop()
    settings = Settings(data_dir=folder, file=source.path, warnings=tuple(environment.warnings), **values)
    origins = {_normal(path): source.where(path) for path in _leaves(source.tables)}
    origins |= {path: f"env {variable}" for path, variable in environment.variables.items()}
    if data_dir is not None or environ.get(DATA_DIR_VARIABLE):
        origins["data_dir",] = "--data-dir" if data_dir is not None else f"env {DATA_DIR_VARIABLE}"
    return LoadedSettings(settings, origins)


def structure_table(cls: type, table: Mapping[str, object], path: tuple[str, ...], file: Path | None) -> Any:
    """Return a plugin's or engine's own table as an instance of its attrs class *cls*; variables that its settings name beat it.

    Args:
        cls: attrs class; metadata ``minimum``, ``maximum`` and ``secret`` are honoured.
        table: As TOML gave it.
        path: Where the table stands, such as ``("plugins", "auth_oidc")``.
        file: The file it came from, for line numbers.

    Raises:
        SettingsInvalid: Names every problem with its line.
    """
    source = _File(file)
    if file is not None:
        try:
            source = _read_file(file)
        except SettingsInvalid:  # gone or changed since the start: the problem is still told, without a line
            source = _File(file)
    found = Environment()
    problems = Problems(lambda key: found.variables.get(key, "") or source.where(key))
    read_class(cls, path, os.environ, problems, found)
    instance = structure_class(cls, {**table, **{key: value for (_, key), value in found.values.items()}}, path, problems)
    problems.stop()
    return instance


def _find_file(file: Path | None, environ: Mapping[str, str], folder: Path) -> _File:
    named_by = "" if file is not None else f", which {FILE_VARIABLE} names,"
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    if named is not None:
        named = named.expanduser()
        if not named.is_file():
            raise SettingsInvalid(f"the settings file {named}{named_by} does not exist; create it or name another")
        return _read_file(named)
    usual = folder / FILE_NAME
    return _read_file(usual) if usual.is_file() else _File()


def _read_file(path: Path) -> _File:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsInvalid(f"the settings file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"the settings file {path} is not UTF-8 (byte {error.start})") from error
    try:
        return _File(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" ?\(at line (\d+), column (\d+)\)", message)
        line = int(place[1]) if place else text.count("\n") + 1
        column = f", column {place[2]}" if place else ""
        told = message[: place.start()] if place else message
        raise SettingsInvalid(f"not valid TOML: {told} ({path}:{line}{column})") from error


def _overlay(tables: dict[str, object], environment: Environment) -> dict[str, object]:
    """Put what the environment says over what the file says; a section that is no table stays, to be reported."""
    result = dict(tables)
    for (section, key), value in environment.values.items():
        table = result.get(section, {})
        if isinstance(table, dict):
            result[section] = {**table, key: value}
    return result


def _structure_all(tables: dict[str, object], problems: Problems) -> dict[str, Any]:
    sections = section_classes()
    known = (*sections, *_NAMED, "endpoints")
    values: dict[str, Any] = {}
    for name, table in tables.items():
        if name in _NAMED:
            values[name] = _structure_named(name, table, _NAMED[name], problems)
            if name == "clouds" and values[name] is not INVALID:
                check_clouds(values[name], problems)
        elif name == "endpoints":
            values[name] = structure(table, tuple[EndpointSettings, ...], (name,), problems)
            if values[name] is not INVALID:
                check_endpoints(values[name], problems)
        elif name == "plugins":
            own, plugin_tables = _split_plugins(table)
            values[name] = structure_class(PluginsSettings, own, (name,), problems)
            values["plugin_tables"] = plugin_tables
        elif name in sections:
            values[name] = structure_class(sections[name], table, (name,), problems)
        elif name == "data_dir":
            problems.add((name,), f"cannot be set in the file; set {DATA_DIR_VARIABLE}")
        else:
            problems.add((name,), unknown_key_text(name, known))
    return values


def _structure_named(name: str, table: object, cls: type, problems: Problems) -> dict[str, Any] | object:
    """Structure ``[models."<id>"]`` and the like; model ids and prefixes are lower-cased, as everywhere."""
    if not isinstance(table, dict):
        problems.add((name,), "expected a table")
        return INVALID
    result: dict[str, Any] = {}
    for key, value in table.items():
        own = key if name == "engines" else key.lower()
        if own in result:
            problems.add((name, key), f"is there twice: {own!r} in upper and lower case")
        result[own] = structure_class(cls, value, (name, key), problems)
    return result


def _split_plugins(table: object) -> tuple[object, dict[str, dict[str, object]]]:
    """Part ``[plugins]`` itself from the tables of plugins inside it."""
    if not isinstance(table, dict):
        return table, {}
    own = {"enabled", "disabled", "required", "prefer"}
    plugin_tables = {key: value for key, value in table.items() if key not in own and isinstance(value, dict)}
    return {key: value for key, value in table.items() if key not in plugin_tables}, plugin_tables


def _normal(path: KeyPath) -> KeyPath:
    """Lower-case the id in a path below ``models``."""
    return (path[0], str(path[1]).lower(), *path[2:]) if len(path) > 1 and path[0] == "models" else path


def _leaves(table: Mapping[str, object], path: KeyPath = ()) -> list[KeyPath]:
    """Every key path down to values that are no tables, nor arrays of tables."""
    found: list[KeyPath] = []
    for key, value in table.items():
        found.append((*path, key))
        if isinstance(value, Mapping):
            found.extend(_leaves(value, (*path, key)))
        elif isinstance(value, list):
            for index, member in enumerate(value):
                if isinstance(member, Mapping):
                    found.extend(_leaves(member, (*path, key, index)))
    return found
