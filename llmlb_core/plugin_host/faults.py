"""Says in one line what other people's code did wrong."""

from __future__ import annotations

import inspect
import traceback

from llmlb_core.errors import LLMLBError

MAX_REASON_CHARS = 400


def describe(error: BaseException, package: str = "") -> str:
    """Return what happened, in one bounded line, with the place in *package* where the traceback has one.

    Our own errors are sentences already; others get their class in front.
    """
    text = " ".join(str(error).split())
    if not isinstance(error, LLMLBError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
        text += _place(error, package)
    return text if len(text) <= MAX_REASON_CHARS else f"{text[: MAX_REASON_CHARS - 1]}…"


def _place(error: BaseException, package: str) -> str:
    """Return `` (module, line n)`` of the innermost frame within *package*."""
    if not package:
        return ""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module == package or module.startswith(f"{package}."):
            place = f" ({module}, line {line})"
    return place


def mend_by_upgrade(name: str, distribution: str) -> str:
    """Return what mends a plugin that is wrong in itself."""
    return f'pip install --upgrade {distribution}, or add "{name}" to [plugins] disabled in llmlb.toml'


def table_mends(name: str) -> tuple[str, str]:
    """Return what mends a wrong table of a plugin, and a table for a plugin that has no settings."""
    return f"edit [plugins.{name}] in llmlb.toml", f"remove [plugins.{name}] from llmlb.toml"


def name_type(item: object) -> str:
    """Return what a plugin returned, in a few words and never by its own ``repr``, which may raise or hold a secret."""
    if item is None:
        return "None"
    if inspect.isclass(item):
        return f"class {item.__name__}"
    kind = type(item).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
