"""``llmlb config``: whether the settings are right, and what they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from llmlb_core.cli.context import CliContext, pass_cli
from llmlb_core.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmlb_core.plugin_host.loader import PluginHost


@click.group()
def config() -> None:
    """Check and show the settings: llmlb.toml, and the environment over it."""


@config.command()
@pass_cli
def check(cli: CliContext) -> None:
    """Exit with 2 and name every problem, unless the server could start with these settings."""
    settings = cli.settings
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    problems = [*_plugin_problems(cli.host), *_name_problems(cli), *_endpoint_problems(cli)]
    if len(problems) == 1:
        raise SettingsInvalid(problems[0])
    if problems:
        raise SettingsInvalid("\n".join([f"{len(problems)} problems in the settings:", *problems]))
    source = str(settings.file) if settings.file else f"no file (there is no {settings.data_dir / 'llmlb.toml'})"
    print(f"The settings are right. Read: {source}, and the environment.")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of {key, value, origin}.")
@pass_cli
def show(cli: CliContext, as_json: bool) -> None:
    """Print every setting with its value and where that comes from. Secrets are masked."""
    from llmlb_core.settings.listing import rows
    from llmlb_core.settings.load import read_settings

    loaded = read_settings(file=cli.config, environ=cli.environ, data_dir=cli.data_dir)
    host = cli.host
    active = [status.name for status in host.statuses if status.state == "active"]
    found = rows(loaded, {name: host.plugin(name).settings for name in active})
    if as_json:
        document = [{"key": row.key, "value": row.value, "origin": row.origin} for row in found]
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    lines = [(row.key, "-" if row.value is None else json.dumps(row.value, ensure_ascii=False), row.origin) for row in found]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    for key, value, origin in lines:
        print(f"{key:<{widths[0]}}  {value:<{min(widths[1], 40)}}  {origin}")


def _plugin_problems(host: PluginHost) -> Iterable[str]:
    """Say which plugins' tables are wrong, and which belong to plugins that are not there."""
    for status in host.statuses:
        if status.state == "missing" or status.phase == "settings":
            # what a plugin's table has wrong names its key already
            prefix = "" if (status.reason or "").startswith("plugins.") else f"plugins.{status.name}: "
            yield f"{prefix}{status.reason}; mend: {status.mend}"


def _endpoint_problems(cli: CliContext) -> Iterable[str]:
    """Say which keys and certificates of servers are not there."""
    from llmlb_core.endpoints.of_settings import find_servers

    try:
        find_servers(cli.settings, cli.environ)
    except SettingsInvalid as error:
        lines = str(error).splitlines()
        yield from lines[1:] or lines


def _name_problems(cli: CliContext) -> Iterable[str]:
    """Say which settings name a router, a part of one, a policy or an engine that no active plugin brings."""
    from llmlb_core.routing.named import Parts, table_problems
    from llmlb_core.settings.problems import render_path

    settings, registry = cli.settings, cli.host.registry
    named: list[tuple[tuple[str, ...], str | None, Iterable[str], str]] = [
        (("admission", "policy"), settings.admission.policy, registry.admission_policies, "admission policy"),
    ]
    for model_id, model in settings.models.items():
        named.append((("models", model_id, "engine"), model.engine, registry.engines, "engine"))
    yield from table_problems(settings, Parts(registry.routers, registry.filters, registry.scorers, registry.pickers))
    for path, name, known, what in named:
        if name is not None and name not in known:
            brought = ", ".join(sorted(known)) or "none"
            yield f"{render_path(path)}: no active plugin brings the {what} {name!r}; there are: {brought} (see 'llmlb plugins')"
