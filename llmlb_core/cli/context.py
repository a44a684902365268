"""What every command may ask for: the settings and the plugins, each loaded on first use and once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

if TYPE_CHECKING:
    from llmlb_core.plugin_host.loader import PluginHost
    from llmlb_core.settings.sections import Settings


@define(slots=False)  # `choose` forgets cached properties
class CliContext:
    """The common options of a command line, and what follows from them.

    Attributes:
        config: ``--config``.
        data_dir: ``--data-dir``.
        environ: The environment that settings are read from.
    """

    config: Path | None = None
    data_dir: Path | None = None
    environ: Mapping[str, str] = field(factory=lambda: os.environ, repr=False)

    @cached_property
    def settings(self) -> Settings:
        """Read file and environment.

        Raises:
            SettingsInvalid: The command then ends with one line and exit code 2.
        """
        from llmlb_core.settings.load import load_settings

        return load_settings(file=self.config, environ=self.environ, data_dir=self.data_dir)

    @cached_property
    def host(self) -> PluginHost:
        """Load the plugins, without insisting on the required ones: commands must work where those are what is to be mended."""
        from llmlb_core.plugin_host.loader import load_plugins

        return load_plugins(self.settings, enforce=False)

    @cached_property
    def commands(self) -> dict[str, click.Command]:
        """Return the commands of plugins, asking them for nothing else: help and every other command stay quick."""
        from llmlb_core.plugin_host.loader import load_plugins

        return load_plugins(self.settings, enforce=False, hooks=("llmlb_commands",)).registry.commands

    def choose(self, option: str, value: Path) -> None:
        """Take a common option, given before or after the command's name."""
        if getattr(self, option) != value:
            setattr(self, option, value)
            for name in ("settings", "host", "commands"):
                self.__dict__.pop(name, None)


def pass_cli(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the ``CliContext`` to a command as its first argument."""
    return click.make_pass_decorator(CliContext, ensure=True)(command)


def common_options() -> list[click.Option]:
    """Return the options that every command takes."""

    def take(ctx: click.Context, option: click.Parameter, value: Path | None) -> None:
        cli = ctx.ensure_object(CliContext)
        if value is not None and option.name is not None:
            cli.choose(option.name, value)

    texts = {
        "config": ("FILE", "Settings file; absent: $LLMLB_CONFIG, then llmlb.toml in the data directory."),
        "data_dir": ("DIR", "Data directory; absent: $LLMLB_DATA_DIR, then ~/.llmlb."),
    }
    return [
        click.Option(
            [f"--{name.replace('_', '-')}"],
            metavar=metavar,
            help=text,
            type=click.Path(path_type=Path),
            callback=take,
            expose_value=False,
        )
        for name, (metavar, text) in texts.items()
    ]


def add_common_options(command: click.Command) -> click.Command:
    """Give the common options to *command* and, where it is a group, to all below it; a command's own of that name stays."""
    taken = {flag for parameter in command.params for flag in parameter.opts}
    command.params += [option for option in common_options() if taken.isdisjoint(option.opts)]
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_common_options(each)
    return command
