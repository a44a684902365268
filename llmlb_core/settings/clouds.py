"""What can be said of ``[clouds.<name>]`` by looking at it: names, addresses, where keys are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmlb_core.settings.endpoints import url_problem
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import CloudSettings

_PREFIX = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_EXPECTED = "expected lower-case letters, digits, '-', '_' and '.'"


def check_clouds(clouds: Mapping[str, CloudSettings | object], problems: Problems) -> None:
    """Note what is wrong in *problems*, each with its key."""
    owners: dict[str, str] = {}
    for name, each in clouds.items():
        if not isinstance(each, CloudSettings):
            continue  # noted already
        path = ("clouds", name)
        if not _PREFIX.fullmatch(name):
            problems.add(path, f"{name!r} cannot be a prefix; {_EXPECTED}")
        for prefix in (name, *(each.aliases or ())):
            owner = owners.setdefault(prefix, name)
            if not _PREFIX.fullmatch(prefix):
                problems.add((*path, "aliases"), f"{prefix!r} cannot be a prefix; {_EXPECTED}")
            elif owner != name:
                problems.add((*path, "aliases"), f"{prefix!r} is the prefix of '{owner}'; expected one that no other cloud has")
        told = None if each.base_url is None else url_problem(each.base_url)
        if told is not None:
            problems.add((*path, "base_url"), told)
        for key, reference in (("api_key", each.api_key), *(("api_keys", each_key) for each_key in each.api_keys)):
            if reference is not None and (reference.env is None) == (reference.file is None):
                problems.add((*path, key), 'expected one of env and file, such as { env = "VARIABLE" }')
