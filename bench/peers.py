"""The servers under test, as ``peers.toml`` lists them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, field, fields, frozen

from bench.errors import BenchError
from bench.paths import PEERS_TOML, ROOT, SCRATCH

KINDS = ("apt", "pip", "npm", "here")
_PLACE = re.compile(r"@([A-Z_0-9]+)@")


@frozen
class Peer:
    """One server: how it is installed, configured and started. ``peers.toml`` explains the members."""

    name: str
    label: str
    kind: str
    requires: str
    start: tuple[str, ...] = field(converter=tuple)
    program: str = ""
    version: tuple[str, ...] = field(default=(), converter=tuple)
    key: tuple[str, ...] = field(default=(), converter=tuple)
    env: Mapping[str, str] = Factory(dict)
    files: Mapping[str, str] = Factory(dict)
    headers: Mapping[str, str] = Factory(dict)
    answer_bytes: int = 692
    ready_s: float = 30.0
    scenarios: tuple[str, ...] = field(default=(), converter=tuple)
    why: str = ""

    @property
    def bin(self) -> Path:
        """Return where its programs are: ``@BIN@``."""
        home = SCRATCH / "peers" / self.name
        if self.kind == "npm":
            return home / "node_modules" / self.requires.rpartition("@")[0]
        return home / "bin"

    @property
    def places(self) -> dict[str, str]:
        """Return the placeholders that hold before it is started."""
        return {"BIN": str(self.bin), "PYTHON": sys.executable}

    def install_commands(self) -> list[list[str]]:
        """Return the commands that install it; none for what is this checkout."""
        home = str(SCRATCH / "peers" / self.name)
        if self.kind == "apt":
            return [["apt-get", "install", "-y", "--no-install-recommends", self.requires]]
        if self.kind == "pip":
            return [[sys.executable, "-m", "venv", home], [f"{home}/bin/pip", "install", "--quiet", self.requires]]
        if self.kind == "npm":
            return [["npm", "install", "--prefix", home, "--no-audit", "--no-fund", self.requires]]
        return []

    def missing(self) -> str | None:
        """Return how to install it, or None when it is there."""
        program = fill(self.program, self.places)
        if not program or shutil.which(program) or Path(program).exists():
            return None
        if self.kind == "apt":
            return "apt-get install " + self.requires
        return f"python -m bench install {self.name}   ({self.requires})"

    def seen_version(self) -> str:
        """Return what it says of its version; what is pinned, where it cannot be asked."""
        if not self.version:
            return self.requires
        done = subprocess.run(
            [fill(part, self.places) for part in self.version], capture_output=True, text=True, check=False, cwd=ROOT
        )
        return ((done.stdout + done.stderr).strip().splitlines() or [self.requires])[0]


def fill(text: str, places: Mapping[str, str]) -> str:
    """Return *text* with each ``@NAME@`` replaced.

    Raises:
        BenchError: A place has no value.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in places:
            raise BenchError(f"{match[0]} has no value here; known: {', '.join(sorted(places))}")
        return places[match[1]]

    return _PLACE.sub(value, text)


def parse_peers(text: str) -> dict[str, Peer]:
    """Read the text of a ``peers.toml``.

    Raises:
        BenchError: It is no TOML, a member is unknown or missing, or a kind is none of ours.
    """
    try:
        tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"the list of peers is not TOML: {error}") from error
    known = {each.name for each in fields(Peer)}
    peers = {}
    for name, table in tables.items():
        if unknown := sorted(set(table) - known):
            raise BenchError(f"peer {name!r} has unknown members: {', '.join(unknown)}")
        try:
            peers[name] = Peer(name=name, **table)
        except TypeError as error:
            raise BenchError(f"peer {name!r}: {error}") from error
        if peers[name].kind not in KINDS:
            raise BenchError(f"peer {name!r} has the kind {peers[name].kind!r}; known: {', '.join(KINDS)}")
    return peers


def load_peers(file: Path = PEERS_TOML) -> dict[str, Peer]:
    """Read *file*; see ``parse_peers``."""
    return parse_peers(file.read_text())


def install(peer: Peer) -> None:
    """Install *peer* into its own folder under ``.bench/peers`` (or with apt-get).

    Raises:
        BenchError: A command failed.
    """
    for command in peer.install_commands():
        print("+ " + " ".join(command), file=sys.stderr)
        if subprocess.run(command, check=False).returncode:
            raise BenchError(f"{peer.name} was not installed: {' '.join(command)} failed")
