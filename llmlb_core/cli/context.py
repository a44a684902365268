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


@define
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
        """Load the plugins, without insisting on the required ones: commands must work where those are what is to be mended.

        ``serve`` calls ``host.check_required()``.
        """
        from llmlb_core.plugin_host.loader import load_plugins

        return load_plugins(self.settings, enforce=False)


def pass_cli(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the ``CliContext`` to a command as its first argument."""
    return click.make_pass_decorator(CliContext, ensure=True)(command)
