"""``llmlb plugins``: what is installed, what is active, and what mends the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from llmlb_core.cli.context import CliContext, pass_cli

if TYPE_CHECKING:
    from llmlb_core.plugin_host.status import PluginStatus

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as GET /v0/plugins answers.")


@click.group(invoke_without_command=True)
@_as_json
@click.pass_context
def plugins(ctx: click.Context, as_json: bool) -> None:
    """Show installed plugins, and what mends those that are not active. Without a command: list."""
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(CliContext), as_json)


@plugins.command("list")
@_as_json
@pass_cli
def list_plugins(cli: CliContext, as_json: bool) -> None:
    """List all plugins with version, state, and what they contribute or why they do not."""
    _list(cli, as_json)


@plugins.command()
@click.argument("name")
@_as_json
@pass_cli
def show(cli: CliContext, name: str, as_json: bool) -> None:
    """Show everything that is known of the plugin NAME."""
    from llmlb_core.plugin_host.report import report_status

    found = cli.host.status(name)
    if not found:
        known = ", ".join(dict.fromkeys(status.name for status in cli.host.statuses)) or "none"
        raise click.ClickException(f"no plugin {name!r} is installed; installed: {known}")
    documents = [report_status(status) for status in found]
    if as_json:
        print(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2, ensure_ascii=False))
        return
    for number, document in enumerate(documents):
        if number:
            print()
        for key, value in document.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            if shown not in {None, "", 0}:
                print(f"{key:<13} {shown}")


@plugins.command()
@_as_json
@pass_cli
def check(cli: CliContext, as_json: bool) -> None:
    """Exit with 1 unless every plugin is active or disabled, and everything that settings require is there."""
    from llmlb_core.errors import PluginRequired, SettingsInvalid
    from llmlb_core.plugin_host.report import report_status

    ailing = [status for status in cli.host.statuses if status.state not in {"active", "disabled"}]
    unmet: str | None = None
    try:
        cli.host.check_required()
    except (PluginRequired, SettingsInvalid) as error:
        unmet = error.message
    is_fine = not ailing and unmet is None
    if as_json:
        answer = {"ok": is_fine, "unmet": unmet, "plugins": [report_status(status) for status in ailing]}
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        for status in ailing:
            print(f"{status.name} is {status.state}: {status.reason}")
            print(f"  mend: {status.mend}")
        if unmet is not None:
            print(f"The server will not start: {unmet}")
        if is_fine:
            count = sum(status.state == "active" for status in cli.host.statuses)
            print("1 plugin is active." if count == 1 else f"{count} plugins are active.")
    if not is_fine:
        raise click.exceptions.Exit(1)


def _list(cli: CliContext, as_json: bool) -> None:
    """Print all plugins."""
    from llmlb_core.plugin_host.report import document

    if as_json:
        print(json.dumps(document(cli.host), indent=2, ensure_ascii=False))
        return
    statuses = cli.host.statuses
    if not statuses:
        print("No plugin is installed; pip install llmlb brings the default set.")
        return
    for line in _table(statuses):
        print(line)


def _table(statuses: Iterable[PluginStatus]) -> Iterable[str]:
    """Yield the lines of the table; a plugin that is not active has a second line that says what mends it."""
    rows = [("NAME", "VERSION", "STATE", "CONTRIBUTES, OR WHY NOT", "")]
    rows += [(each.name, each.version or "-", each.state, _about(each), each.mend or "") for each in statuses]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, version, state, about, mend in rows:
        start = f"{name:<{widths[0]}}  {version:<{widths[1]}}  {state:<{widths[2]}}  "
        yield (start + about).rstrip()
        if mend:
            yield f"{' ' * len(start)}mend: {mend}"


def _about(status: PluginStatus) -> str:
    """Return what an active plugin contributes, and any remark; else the reason."""
    if status.state != "active":
        return status.reason or ""
    parts = [", ".join(status.contributes) or "nothing"]
    if status.reason:
        parts.append(status.reason)
    if status.fault_count:
        parts.append(f"{status.fault_count} faults, the last: {status.last_fault}")
    return "; ".join(parts)
