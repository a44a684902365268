"""Finds installed plugins: entry points of the group ``llmlb``, read once, importing nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint, distributions

from attrs import field, frozen

GROUP = "llmlb"
_RESERVED = frozenset({"enabled", "disabled", "required", "prefer"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@frozen
class Found:
    """One entry point and what its package says of itself.

    Attributes:
        name: Entry-point name.
        value: ``module`` or ``module:Class``.
        requires: ``Requires-Dist`` lines.
        fault: Why this cannot be a plugin, or None.
    """

    name: str
    value: str
    distribution: str
    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    fault: str | None = None
    entry_point: EntryPoint | None = field(default=None, repr=False, eq=False)


def discover(installed: Iterable[Distribution] | None = None) -> tuple[Found, ...]:
    """Return all plugins of this environment, sorted by name, then by distribution.

    One package with damaged metadata is one ``Found`` with a ``fault``; it never hides the others.

    Args:
        installed: Where to look; everything on ``sys.path`` by default.
    """
    found: list[Found] = []
    seen: set[str] = set()
    for distribution in distributions() if installed is None else installed:
        # Most packages have no such section: looking at the text first spares parsing their metadata.
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except (OSError, UnicodeDecodeError):
            continue
        if f"[{GROUP}]" not in text:
            continue
        metadata = distribution.metadata
        name = str(metadata["Name"] or "unknown")
        normal = re.sub(r"[-_.]+", "-", name).lower()
        if normal in seen:  # an older copy further down sys.path; Python imports the first
            continue
        seen.add(normal)
        requires = tuple(str(line) for line in metadata.get_all("Requires-Dist") or ())
        python = metadata["Requires-Python"]
        facts = (name, str(metadata["Version"] or ""), requires, None if python is None else str(python))
        found += _entries(distribution, facts)
    return tuple(sorted(found, key=lambda each: (each.name, each.distribution)))


def _entries(distribution: Distribution, facts: tuple[str, str, tuple[str, ...], str | None]) -> Iterable[Found]:
    """Return the entries of one distribution; the same line twice counts once."""
    package, version, requires, python = facts
    try:
        points = {(point.name, point.value): point for point in distribution.entry_points if point.group == GROUP}
    except Exception as error:  # noqa: BLE001  # the file is other people's; importlib.metadata raises whatever it trips over
        return [Found(package, "", package, version, fault=f"its entry_points.txt cannot be read: {error}")]
    return [Found(name, value, package, version, requires, python, _fault(point), point) for (name, value), point in points.items()]


def _fault(point: EntryPoint) -> str | None:
    """Return what is wrong with the line itself."""
    if _NAME.fullmatch(point.name) is None:
        return f"entry-point name {point.name!r} is not <kind>_<name> in lower case, such as 'engine_shout'"
    if point.name in _RESERVED:
        return f"entry-point name {point.name!r} is a setting of [plugins]; a plugin needs another name"
    if point.pattern.match(point.value) is None:
        return f"entry-point value {point.value!r} is neither 'module' nor 'module:Class'"
    return None


def package_of(plugin: str) -> str:
    """Return the package that a plugin of this name is published as, by convention."""
    return f"llmlb-{plugin.replace('_', '-')}"
