"""Settles who contributes a name that more than one plugin claims. Load order never matters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import attrs

from llmlb_core.errors import PluginConflict
from llmlb_core.plugin_host.record import Contribution, PluginRecord

CORE_COMMANDS = ("serve", "plugins", "models", "endpoints", "clouds", "config", "db", "doctor", "simulate")
"""Commands of the core; a plugin cannot replace them."""

_GUARDED = ("authenticator:", "authorizer:")


def settle(records: Iterable[PluginRecord], prefer: Mapping[str, str]) -> None:
    """Withdraw what ``[plugins.prefer]`` gives to another plugin; mark everybody conflicted who still shares a key."""
    records = [record for record in records if record.is_active]
    _apply_preferences(records, prefer)
    owners: dict[str, list[PluginRecord]] = defaultdict(list)
    for record in records:
        for contribution in record.contributions:
            for key in contribution.keys:
                owners[key].append(record)
    for record in records:
        shared = [key for contribution in record.contributions for key in contribution.keys if len(owners[key]) > 1]
        reserved = [each.name for each in record.contributions if each.kind == "command" and each.name in CORE_COMMANDS]
        record.status = attrs.evolve(record.status, contributes=tuple(sorted(each.key for each in record.contributions)))
        if reserved:
            record.fail("conflict", PluginConflict(f"the command {reserved[0]!r} belongs to llmlb itself"))
        elif shared:
            record.fail("conflict", _conflict(shared[0], record, owners[shared[0]], prefer))


def settle_names(records: Iterable[PluginRecord], prefer: Mapping[str, str]) -> None:
    """Settle entry-point names that several distributions claim; here the preference names a distribution.

    Runs before anything is imported, so that a package cannot push itself into the place of another.
    """
    by_name: dict[str, list[PluginRecord]] = defaultdict(list)
    for record in records:
        by_name[record.found.name].append(record)
    for name, claimants in by_name.items():
        if len(claimants) == 1:
            continue
        packages = [record.found.distribution for record in claimants]
        wanted = prefer.get(f"plugin:{name}")
        for record in claimants:
            if len(set(packages)) == 1:
                values = " and ".join(repr(each.found.value) for each in claimants)
                record.fail("conflict", PluginConflict(f"its package gives the name {name!r} to both {values}"))
            elif wanted is None or wanted not in packages:
                others = " and ".join(sorted(set(packages) - {record.found.distribution}))
                mend = f'pip uninstall {packages[-1]}, or in llmlb.toml: [plugins.prefer] "plugin:{name}" = "{packages[0]}"'
                record.fail("conflict", PluginConflict(f"{others} brings a plugin of the same name", mend=mend))
            elif record.found.distribution != wanted:
                record.disable(
                    f"[plugins.prefer] gives the name to {wanted}", f'remove "plugin:{name}" from [plugins.prefer] in llmlb.toml'
                )


def _apply_preferences(records: list[PluginRecord], prefer: Mapping[str, str]) -> None:
    """Withdraw contributions that settings give to somebody else."""
    claimed: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for contribution in record.contributions:
            for key in contribution.keys:
                claimed[key].add(record.found.name)
    for record in records:
        name = record.found.name
        kept: list[Contribution] = []
        for contribution in record.contributions:
            # Who may come in is pinned even while the preferred plugin is away: isolation never means fail-open.
            lost = [
                key
                for key in contribution.keys
                if prefer.get(key, name) != name and (prefer[key] in claimed[key] or key.startswith(_GUARDED))
            ]
            if lost:
                record.remark(f"{contribution.key} is left to {prefer[lost[0]]} by [plugins.prefer] {lost[0]!r}")
            else:
                kept.append(contribution)
        record.contributions = kept


def _conflict(key: str, record: PluginRecord, owners: list[PluginRecord], prefer: Mapping[str, str]) -> PluginConflict:
    """Say with whom, and how to choose."""
    others = sorted(owner.found.name for owner in owners if owner is not record)
    reason = f"{key} is also contributed by {' and '.join(others)}"
    if key in prefer:
        reason += f"; [plugins.prefer] names {prefer[key]!r}, which does not contribute it"
    first = min(owner.found.name for owner in owners)
    return PluginConflict(reason, mend=f'in llmlb.toml: [plugins.prefer] "{key}" = "{first}", or uninstall one of them')
