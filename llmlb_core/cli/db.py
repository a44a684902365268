"""``llmlb db``: look at the database, and migrate it without starting the server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from llmlb_core.cli.context import CliContext, pass_cli

if TYPE_CHECKING:
    from llmlb_core.storage.check import StorageReport
    from llmlb_core.storage.migrations import Upgrade


@click.group()
def db() -> None:
    """Look at the database and migrate it."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@pass_cli
def check(cli: CliContext, as_json: bool) -> None:
    """Check the database; ends with 1 when it is damaged or migrations are pending."""
    report = _report(cli)
    if as_json:
        print(json.dumps(_document(report)))
    else:
        _print(report)
    if report.problems or report.pending:
        raise click.exceptions.Exit(1)


@db.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be applied.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@pass_cli
def migrate(cli: CliContext, dry_run: bool, as_json: bool) -> None:
    """Apply pending migrations in one transaction, after a backup of a SQLite file, as a start of the server does."""
    if dry_run:
        report = _report(cli)
        if as_json:
            print(json.dumps({"pending": report.pending, "problems": report.problems}))
        else:
            _print_names("Would apply", report.pending)
            _print_problems(report)
        if report.problems:
            raise click.exceptions.Exit(1)
        return
    upgrade = asyncio.run(_migrate(cli))
    if as_json:
        print(json.dumps({"applied": upgrade.applied, "backup": None if upgrade.backup is None else str(upgrade.backup)}))
        return
    _print_names("Applied", upgrade.applied)
    if upgrade.backup is not None:
        print(f"The database as it was before: {upgrade.backup}")


def _report(cli: CliContext) -> StorageReport:
    from llmlb_core.storage.check import check_storage
    from llmlb_core.storage.core_app import CORE_APP

    return asyncio.run(check_storage(cli.settings, (CORE_APP, *cli.host.registry.storage_apps)))


async def _migrate(cli: CliContext) -> Upgrade:
    from llmlb_core.security.data_dir import prepare_data_dir
    from llmlb_core.storage.core_app import CORE_APP
    from llmlb_core.storage.setup import open_storage

    prepare_data_dir(cli.settings.data_dir)
    async with open_storage(cli.settings, (CORE_APP, *cli.host.registry.storage_apps)) as storage:
        for label, reason in storage.broken:
            print(f"Left out {label}: {reason.message}")
        return storage.upgrade


def _document(report: StorageReport) -> dict[str, object]:
    return {
        "database": report.database,
        "engine": report.engine,
        "exists": report.exists,
        "size_bytes": report.size_bytes,
        "is_sound": not report.problems,
        "problems": list(report.problems),
        "apps": [
            {"label": app.label, "applied": list(app.applied), "pending": list(app.pending), "newer": list(app.newer)}
            for app in report.apps
        ],
        "backups": [str(backup) for backup in report.backups],
    }


def _print(report: StorageReport) -> None:
    size = "" if report.size_bytes is None else f", {report.size_bytes:,} bytes"
    print(f"{report.database} ({report.engine}{size})" if report.exists else f"{report.database} is not there yet")
    for app in report.apps:
        pending = f", pending: {', '.join(app.pending)}" if app.pending else ""
        print(f"  {app.label}: {len(app.applied)} applied{pending}")
    for backup in report.backups:
        print(f"  backup {backup.name}")
    _print_problems(report)
    if report.pending:
        print("Apply what is pending with 'llmlb db migrate', or start the server.")
    elif not report.problems:
        print("The database is sound.")


def _print_names(verb: str, names: tuple[str, ...]) -> None:
    print(f"{verb} {', '.join(names)}." if names else "Nothing is pending.")


def _print_problems(report: StorageReport) -> None:
    for problem in report.problems:
        print(f"Problem: {problem}")
