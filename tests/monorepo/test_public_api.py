"""The promises to plugin authors, as a snapshot: names, signatures, hooks, routes."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import llmlb_core

SNAPSHOT = Path(__file__).with_name("public_api.txt")


def describe() -> str:
    """Return one line per public name, and one per member of a contract."""
    lines = []
    for name in llmlb_core.__all__:
        thing = getattr(llmlb_core, name)
        if not inspect.isclass(thing):
            lines.append(name)
            continue
        lines.append(f"class {name}({', '.join(base.__name__ for base in thing.__bases__)})")
        for member, value in sorted(vars(thing).items()):
            if member.startswith("_") or not (inspect.isfunction(value) or isinstance(value, property | classmethod)):
                continue
            if isinstance(value, property):
                lines.append(f"    {member}: property")
                continue
            function = value.__func__ if isinstance(value, classmethod) else value
            kind = "async def" if inspect.iscoroutinefunction(function) else "def"
            lines.append(f"    {kind} {member}{inspect.signature(function)}")
        lines += [f"    {field.name}: {field.type}" for field in getattr(thing, "__attrs_attrs__", ())]
    from llmlb_core import hookspecs

    lines += [
        f"hook {name}{inspect.signature(function)}"
        for name, function in sorted(vars(hookspecs).items())
        if name.startswith("llmlb_") and inspect.isfunction(function)
    ]
    return "\n".join(lines) + "\n"


def test_public_names_are_what_the_snapshot_says():
    """A change of what plugins use is deliberate: run with ``LLMLB_UPDATE=1`` and write a changelog fragment."""
    if os.environ.get("LLMLB_UPDATE"):
        SNAPSHOT.write_text(describe())

    assert SNAPSHOT.read_text() == describe()
