"""``llmlb``: the root of the command line. Commands are imported when they are called, plugins when their commands are needed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import click
from attrs import frozen

from llmlb_core.cli.context import CliContext, add_common_options, common_options
from llmlb_core.errors import LLMLBError
from llmlb_core.version import __version__


@frozen
class CoreCommand:
    """A command of the core: where it is, and what ``llmlb --help`` says of it without importing it."""

    target: str
    help: str


CORE = {
    "serve": CoreCommand("llmlb_core.cli.serve:serve", "Run the server (the default)."),
    "plugins": CoreCommand("llmlb_core.cli.plugins:plugins", "Show installed plugins, and what mends those that are not active."),
    "models": CoreCommand("llmlb_core.cli.models:models", "Add, show and remove models on this machine."),
    "endpoints": CoreCommand("llmlb_core.cli.endpoints:endpoints", "Register, test and remove servers that calls are sent to."),
    "clouds": CoreCommand("llmlb_core.cli.clouds:clouds", "Show providers behind a prefix, and set their keys."),
    "config": CoreCommand("llmlb_core.cli.config:config", "Check and show the settings."),
    "db": CoreCommand("llmlb_core.cli.db:db", "Check and migrate the database."),
    "doctor": CoreCommand("llmlb_core.cli.doctor:doctor", "Examine a running server: what its clients see of faults behind it."),
    "simulate": CoreCommand("llmlb_core.cli.simulate:simulate", "Compare routers on a virtual clock."),
}


class Root(click.Group):
    """Knows the core's commands by name, and asks the plugins for all others."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the common options first, wherever they stand: which plugins there are depends on them."""
        cli = ctx.ensure_object(CliContext)
        for option, value in _common_values(args):
            cli.choose(option, Path(value))
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the core's commands, then those of plugins by name."""
        return [*CORE, *sorted(_plugin_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a core command, or ask the plugins."""
        core = CORE.get(cmd_name)
        if core is None:
            command = _plugin_commands(ctx).get(cmd_name)
            return None if command is None else add_common_options(command)
        module, _, attribute = core.target.partition(":")
        imported: click.Command = getattr(import_module(module), attribute)
        return add_common_options(imported)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Say what an unknown command may have meant, and where its plugin may have gone."""
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            raise click.UsageError(_unknown(ctx, name, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands without importing the core's; help never fails for a plugin or a setting."""
        note = ""
        try:
            added = _plugin_commands(ctx)
        except LLMLBError as error:
            added, note = {}, f"Commands of plugins are not shown: {error}"
        width = formatter.width - 24
        rows = [(name, command.help) for name, command in CORE.items()]
        rows += [(name, added[name].get_short_help_str(width)) for name in sorted(added) if not added[name].hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        if note:
            formatter.write_paragraph()
            formatter.write_text(note)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the environment variables, from the settings' own metadata."""
        del ctx
        from llmlb_core.cli.environment import environment_rows

        with formatter.section("Environment (beats the settings file)"):
            formatter.write_dl(environment_rows())


def _common_values(args: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield the common options in *args* and their values, as far as they have one."""
    names = {"--config": "config", "--data-dir": "data_dir"}
    waiting: str | None = None
    for arg in args:
        if waiting is not None:
            yield waiting, arg
            waiting = None
            continue
        if arg == "--":
            return
        flag, equals, value = arg.partition("=")
        if flag in names and equals:
            yield names[flag], value
        elif flag in names:
            waiting = names[flag]


def _plugin_commands(ctx: click.Context) -> dict[str, click.Command]:
    """Return the commands of plugins."""
    return ctx.ensure_object(CliContext).commands


def _unknown(ctx: click.Context, name: str, known: list[str]) -> str:
    """Return what is said of a command that nobody has."""
    message = f"No such command {name!r}."
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        message += f" Did you mean {near[0]!r}?"
    absent = [status.name for status in ctx.ensure_object(CliContext).host.statuses if status.state != "active"]
    if absent:
        message += f" Not active, and perhaps its plugin: {', '.join(absent)} (see 'llmlb plugins')."
    return message


@click.group(
    cls=Root,
    invoke_without_command=True,
    params=list(common_options()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, "-V", "--version", prog_name="llmlb", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Serve large language models, this machine's and other servers', behind one address.

    Without a command llmlb serves. Exit codes: 0 done, 1 failed, 2 wrong settings or no start, 3 wrong usage.
    """
    if ctx.invoked_subcommand is None:
        assert isinstance(ctx.command, Root)
        serve = ctx.command.get_command(ctx, "serve")
        assert serve is not None
        with serve.make_context("serve", [], parent=ctx) as inner:
            serve.invoke(inner)
