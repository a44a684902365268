"""Finds one engine of one plugin, and imports nothing else."""

from __future__ import annotations

import inspect
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from llmlb_core.contracts.engine import Engine
from llmlb_core.contracts.plugin import Plugin
from llmlb_core.errors import EngineFailed

GROUP = "llmlb"


def find_engine(plugin: str, engine: str, data_dir: Path) -> type[Engine]:
    """Return the class of *engine*, from the entry point *plugin*.

    Raises:
        EngineFailed: This interpreter has no such plugin, or the plugin no such engine.
        Exception: Whatever the plugin raises at import or in its hook.
    """
    found = next(iter(entry_points(group=GROUP, name=plugin)), None)
    if found is None:
        package = f"llmlb-{plugin.replace('_', '-')}"
        raise EngineFailed(
            f"The interpreter {sys.executable!r} has no plugin {plugin!r}. Run `{sys.executable} -m pip install {package}`."
        )
    contribution: Any = found.load()
    if inspect.isclass(contribution):
        make: Any = contribution
        contribution = make(Plugin(name=plugin, data_dir=data_dir, settings=_default_settings(contribution)))
    engines: list[type[Engine]] = list(contribution.llmlb_engines())
    for cls in engines:
        if cls.name == engine:
            return cls
    names = ", ".join(sorted(cls.name for cls in engines)) or "none"
    raise EngineFailed(
        f"Plugin {plugin!r} as installed for {sys.executable!r} has no engine {engine!r}; it has: {names}. "
        "Install the version there that the server has."
    )


def _default_settings(contribution: type) -> object:
    """Settings of a plugin stay in the server: they may hold secrets. A worker sees their defaults."""
    hook = inspect.getattr_static(contribution, "llmlb_settings", None)
    if not isinstance(hook, staticmethod | classmethod):
        return None
    settings = contribution.llmlb_settings()  # type: ignore[attr-defined]  # found one line above
    return None if settings is None else settings()
