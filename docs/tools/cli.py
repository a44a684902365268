"""Writes ``docs/reference/cli.md`` from the commands themselves: ``python docs/tools/cli.py``."""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from llmlb_core.cli.context import CliContext
from llmlb_core.cli.environment import environment_rows
from llmlb_core.cli.root import root

PAGE = Path(__file__).resolve().parents[1] / "reference" / "cli.md"

HEAD = """# Command line

<!-- Written by docs/tools/cli.py from the commands' own help; a test compares them. -->

`llmlb COMMAND --help` prints the same.
`python -m llmlb_core` is the same program.
Commands that plugins bring, such as `keys`, are there while their plugin is active.

Every command takes `--config FILE` and `--data-dir DIR`, before or after its name.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed, or found what the command looks for: a plugin that is not active, a damaged database |
| 2 | wrong settings, or the server cannot start |
| 3 | wrong usage of the command line |
| 130 | interrupted with Ctrl-C |

An error is one line on stderr, and says what to do next; where settings are wrong, there is one more line for each of them.
"""
COMMON = {"--config", "--data-dir", "--help", "-h"}


def page() -> str:
    """Return the whole page."""
    with tempfile.TemporaryDirectory() as name:
        cli = CliContext(environ={}, data_dir=Path(name))
        with root.make_context("llmlb", [], obj=cli, resilient_parsing=True) as ctx:
            text = HEAD + "".join(section(path, command, inner) for path, command, inner in walk(root, ctx))
    text += "\n## Environment\n\nA variable beats the settings file; all settings are on [their page](settings.md).\n\n"
    text += "| variable | meaning, and default |\n|---|---|\n"
    return text + "".join(f"| `{name}` | {cell(meaning)} |\n" for name, meaning in environment_rows())


def walk(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command below *group* with its path and context, groups first."""
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        inner = click.Context(command, parent=ctx, info_name=name)
        yield inner.command_path, command, inner
        if isinstance(command, click.Group):
            yield from walk(command, inner)


def section(path: str, command: click.Command, ctx: click.Context) -> str:
    """Return one command: usage, what it does, its own options."""
    usage = " ".join([path, *command.collect_usage_pieces(ctx)])
    text = f"\n## `{path}`\n\n```\n{usage}\n```\n\n{sentences(inspect.cleandoc(command.help or ''))}\n"
    options = [each for each in command.params if isinstance(each, click.Option) and COMMON.isdisjoint(each.opts)]
    if options:
        text += "\n| option | value | default | meaning |\n|---|---|---|---|\n"
        text += "".join(row(option, ctx) for option in options)
    return text


def row(option: click.Option, ctx: click.Context) -> str:
    """Return one option."""
    value = "" if option.is_flag else (option.metavar or option.type.name).lower()
    if isinstance(option.type, click.IntRange):
        value = f"{option.type.min} to {option.type.max}"
    default = "" if option.is_flag else shown(option.get_default(ctx))
    return f"| `{', '.join(option.opts)}` | {cell(value)} | {cell(default)} | {cell(option.help or '')} |\n"


def shown(value: object) -> str:
    """Return a default as it would be typed."""
    if value is None or value == () or str(value).startswith("Sentinel"):
        return ""
    return f"`{' '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def sentences(text: str) -> str:
    """Return a help text with its paragraphs unwrapped."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def cell(text: str) -> str:
    """Return text that may stand in a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
