"""What is wrong with settings: collected, so that all of it is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import define, field

from llmlb_core.errors import SettingsInvalid

Path = tuple[str | int, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def render_path(path: Sequence[str | int]) -> str:
    """Write a key path as TOML would: ``models."qwen3:8b".serves[1]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += ("." if text else "") + (part if _BARE.match(part) else f'"{escaped}"')
    return text


@define
class Problems:
    """Collects what is wrong, with where it stands.

    Attributes:
        where: Returns the origin of a key path, such as ``llmlb.toml:12`` or ``LLMLB_PORT``; empty where there is none.
        lines: One sentence per problem.
    """

    where: Callable[[Path], str]
    lines: list[str] = field(factory=list)

    def add(self, path: Path, text: str, *, where: str | None = None) -> None:
        """Note that *text* is wrong at *path*."""
        origin = self.where(path) if where is None else where
        self.lines.append((f"{render_path(path)}: " if path else "") + text + (f" ({origin})" if origin else ""))

    def stop(self) -> None:
        """Raise when there is anything: one problem in one line, several under a summary."""
        if len(self.lines) == 1:
            raise SettingsInvalid(self.lines[0])
        if self.lines:
            raise SettingsInvalid("\n".join([f"{len(self.lines)} problems in the settings:", *self.lines]))
