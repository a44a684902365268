"""Whether a plugin fits this environment, read from its package's metadata before anything is imported."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from llmlb_core.errors import PluginBroken, PluginIncompatible
from llmlb_core.plugin_host.discovery import Found
from llmlb_core.version import __version__

_CORE = "llmlb-core"


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_compatibility(
    found: Found, core_version: str = __version__, version_of: Callable[[str], str | None] = installed_version
) -> None:
    """Return where *found* can run here.

    Args:
        found: What is to be checked.
        core_version: Of this program.
        version_of: Tells the version of an installed distribution; the loader keeps its answers for one load.

    Raises:
        PluginBroken: The package's metadata make no sense.
        PluginIncompatible: It was made for another core or Python, or something it depends on is not installed.
    """
    if found.fault is not None:
        raise PluginBroken(found.fault)
    _check_python(found)
    lacking: list[Requirement] = []
    complaints: list[str] = []
    for requirement in _requirements(found):
        if canonicalize_name(requirement.name) == _CORE:
            _check_core(found, requirement, core_version)
            continue
        installed = version_of(canonicalize_name(requirement.name))
        if installed is None:
            complaints.append(f"needs {_plain(requirement)}, which is not installed")
        elif not _satisfies(installed, requirement.specifier):
            complaints.append(f"needs {_plain(requirement)}, but {requirement.name} {installed} is installed")
        else:
            continue
        lacking.append(requirement)
    if lacking:
        raise PluginIncompatible("; ".join(complaints), mend=_pip_install(*lacking))


def _check_python(found: Found) -> None:
    """Compare ``Requires-Python``."""
    if not found.requires_python:
        return
    try:
        wanted = SpecifierSet(found.requires_python)
    except InvalidSpecifier as error:
        raise PluginBroken(f"its metadata are damaged: Requires-Python {found.requires_python!r}") from error
    running = platform.python_version()
    if not wanted.contains(running, prereleases=True):
        raise PluginIncompatible(
            f"needs Python {found.requires_python}, this is {running}",
            mend=f"pip install --upgrade {found.distribution}, or run llmlb with a Python {found.requires_python}",
        )


def _check_core(found: Found, requirement: Requirement, core_version: str) -> None:
    """Compare the wanted core; say which of the two is behind."""
    if _satisfies(core_version, requirement.specifier):
        return
    core_is_behind = any(
        each.operator in {">=", ">", "~=", "=="} and Version(each.version.removesuffix(".*")) >= Version(core_version)
        for each in requirement.specifier
    )
    raise PluginIncompatible(
        f"needs {_plain(requirement)}, this is {_CORE} {core_version}",
        mend=_pip_install(requirement) if core_is_behind else f"pip install --upgrade {found.distribution}",
    )


def _requirements(found: Found) -> list[Requirement]:
    """Return what applies on this machine, without extras."""
    try:
        parsed = [Requirement(line) for line in found.requires]
    except InvalidRequirement as error:
        raise PluginBroken(f"its metadata are damaged: {error}") from error
    return [each for each in parsed if each.marker is None or each.marker.evaluate({"extra": ""})]


def _satisfies(installed: str, specifier: SpecifierSet) -> bool:
    """Compare; a version that is none (a local checkout may say anything) satisfies."""
    try:
        return specifier.contains(Version(installed), prereleases=True)
    except InvalidVersion:
        return True


def _plain(requirement: Requirement) -> str:
    """Return a requirement without its marker."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _pip_install(*requirements: Requirement) -> str:
    """Return the command that installs them."""
    return shlex.join(["pip", "install", *(_plain(each) for each in requirements)])
