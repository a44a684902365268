"""What of a bundle can be installed here, and how much has to be fetched for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from llmlb_core.contracts.modelstore import BundleMember
from llmlb_core.models.choice import HasEngine
from llmlb_core.models.installed import InstalledModels


@frozen
class BundlePlan:
    """The members of one bundle.

    Attributes:
        wanted: What an installed engine can run, installed already or not.
        present: References of those that are installed.
        passed_over: What no installed engine reads.
    """

    wanted: tuple[BundleMember, ...]
    present: frozenset[str]
    passed_over: tuple[BundleMember, ...]

    @property
    def size_bytes(self) -> int:
        """How much has to be fetched."""
        return sum(member.size_bytes for member in self.wanted if member.reference not in self.present)

    @property
    def missing_plugins(self) -> tuple[str, ...]:
        """The distributions that would run what is passed over."""
        return tuple(dict.fromkeys(member.plugin for member in self.passed_over if member.plugin))


def plan_bundle(members: Sequence[BundleMember], engines: Mapping[str, HasEngine], installed: InstalledModels) -> BundlePlan:
    """Say what of *members* is worth fetching with *engines*."""
    formats = set(_formats(engines))
    wanted = tuple(member for member in members if not member.format or member.format in formats)
    return BundlePlan(
        wanted,
        frozenset(member.reference for member in wanted if installed.find_reference(member.reference) is not None),
        tuple(member for member in members if member not in wanted),
    )


def _formats(engines: Mapping[str, HasEngine]) -> Iterable[str]:
    for entry in engines.values():
        yield from entry.engine.formats
