"""The root of the command line: exit codes, help, and commands that come from plugins."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from llmlb_testing.distributions import link_core, run_isolated, write_distribution

from llmlb_core.cli import environment, main, root
from llmlb_core.plugin_host.conflicts import CORE_COMMANDS
from llmlb_core.settings.sections import Settings
from llmlb_core.version import __version__

COMMANDS = """
import click
from llmlb_core import hookimpl
from llmlb_core.cli.context import pass_cli

@click.command()
@click.option("--fail", type=click.Choice(["start", "model", "click", "abort", "defect", "exit"]))
@pass_cli
def greet(cli, fail):
    "Greet."
    from llmlb_core import errors
    if fail == "start":
        raise errors.AddressInUse("port 1 is taken")
    if fail == "model":
        raise errors.ModelUnknown("no such model")
    if fail == "click":
        raise click.ClickException("it did not work")
    if fail == "abort":
        raise click.Abort
    if fail == "defect":
        raise ZeroDivisionError
    if fail == "exit":
        raise click.exceptions.Exit(7)
    print("hello from", cli.settings.data_dir.name)

@hookimpl
def llmlb_commands(cli):
    cli.add_command(greet)
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """An environment with the core alone."""
    return link_core(tmp_path_factory.mktemp("core"))


@pytest.fixture
def llmlb(core, tmp_path):
    """Run ``llmlb`` with a plugin that has the command ``greet``, and one that is broken."""
    site, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    write_distribution(site, "acme-greet", {"panel_greet": "acme_greet"}, {"acme_greet": COMMANDS})
    write_distribution(site, "acme-crash", {"panel_crash": "acme_crash"}, {"acme_crash": "raise RuntimeError"})

    def run(*arguments, **environ):
        return run_isolated(arguments, path=[core, site], home=home, environ=environ)

    run.home = home
    return run


def test_help_lists_commands_of_core_and_plugins(llmlb):
    """A broken plugin never breaks the help."""
    done = llmlb("--help")

    assert 0 == done.returncode, done.stderr
    listed = re.search(r"Commands:\n(.*?)\n\n", done.stdout, re.DOTALL)[1]
    assert [*CORE_COMMANDS, "greet"] == re.findall(r"^  (\w+)", listed, re.MULTILINE)
    assert "" == done.stderr


def test_short_help_is_the_same(llmlb):
    """``-h`` is ``--help``, for every command."""
    assert llmlb("--help").stdout == llmlb("-h").stdout
    assert llmlb("plugins", "--help").stdout == llmlb("plugins", "-h").stdout


def test_help_is_printed_even_with_wrong_settings(llmlb):
    """Who looks for help has trouble already; the note says why commands are missing."""
    (llmlb.home / "llmlb.toml").write_text("[server]\nprot = 1\n")

    done = llmlb("--help")

    assert 0 == done.returncode
    assert "Commands of plugins are not shown:" in done.stdout
    assert "server.prot" in done.stdout.replace("\n", " ")


def test_help_lists_every_variable_with_its_default():
    """A setting with a variable is in ``llmlb --help``."""
    rows = dict(environment.environment_rows())

    assert "Port to listen on; 0 takes a free one. [32768]" == rows["LLMLB_PORT"]
    assert "Settings file. [llmlb.toml in the data directory]" == rows["LLMLB_CONFIG"]
    declared = {
        setting.metadata["env"][0]
        for section in attrs.fields(Settings)
        if attrs.has(type(section.default))
        for setting in attrs.fields(type(section.default))
        if setting.metadata.get("env")
    }
    assert declared == rows.keys() - {"LLMLB_CONFIG", "LLMLB_DATA_DIR"}


def test_version_is_one_line(llmlb):
    """Both spellings."""
    assert [f"llmlb {__version__}\n"] * 2 == [llmlb("--version").stdout, llmlb("-V").stdout]


def test_a_command_of_a_plugin_runs(llmlb):
    """It gets the context with the settings."""
    done = llmlb("greet")

    assert (0, "hello from home\n", "") == (done.returncode, done.stdout, done.stderr)


def test_a_command_runs_although_its_plugin_is_otherwise_broken(llmlb, tmp_path):
    """The command line asks plugins for their commands only: what repairs a plugin must work while it is broken."""
    source = COMMANDS + "@hookimpl\ndef llmlb_engines():\n    raise RuntimeError('no device')\n"
    (tmp_path / "site" / "acme_greet.py").write_text(source)

    greeting, status = llmlb("greet"), llmlb("plugins", "show", "panel_greet")

    assert (0, "hello from home\n") == (greeting.returncode, greeting.stdout)
    assert "reason        RuntimeError: no device" in status.stdout


def test_common_options_stand_before_or_after_the_command(llmlb, tmp_path):
    """Which plugins there are may depend on them, so both places count."""
    other = tmp_path / "other"
    other.mkdir()

    assert "hello from other\n" == llmlb("greet", "--data-dir", str(other)).stdout
    assert "hello from other\n" == llmlb(f"--data-dir={other}", "greet").stdout


def test_a_settings_file_can_be_named_after_the_command(llmlb, tmp_path):
    """The file decides whether the command exists at all."""
    file = tmp_path / "other.toml"
    file.write_text('[plugins]\ndisabled = ["panel_greet"]\n')

    done = llmlb("greet", "--config", str(file))

    assert 3 == done.returncode
    assert "No such command 'greet'." in done.stderr


@pytest.mark.parametrize(
    ("fail", "code", "said"),
    [
        ("start", 2, "llmlb: port 1 is taken\n"),
        ("model", 1, "llmlb: no such model\n"),
        ("click", 1, "Error: it did not work\n"),
        ("abort", 130, ""),
        ("exit", 7, ""),
    ],
)
def test_errors_are_one_line_and_an_exit_code(llmlb, fail, code, said):
    """Nothing that llmlb raises on purpose ends in a traceback."""
    done = llmlb("greet", "--fail", fail)

    assert (code, "", said) == (done.returncode, done.stdout, done.stderr)


def test_a_defect_keeps_its_traceback(llmlb):
    """Only then is one wanted."""
    done = llmlb("greet", "--fail", "defect")

    assert 1 == done.returncode
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("arguments", [["--nonsense"], ["plugins", "--nonsense"], ["plugins", "show"], ["greet", "--fail", "odd"]])
def test_wrong_usage_is_exit_code_3(llmlb, arguments):
    """With the usage line, and where to find help."""
    done = llmlb(*arguments)

    assert 3 == done.returncode
    assert "--help' for help." in done.stderr


def test_an_unknown_command_names_what_may_be_meant(llmlb):
    """The nearest command, and the plugins that are not active."""
    done = llmlb("great")

    assert 3 == done.returncode
    assert "No such command 'great'. Did you mean 'greet'? Not active, and perhaps its plugin: panel_crash" in done.stderr


def test_wrong_settings_are_exit_code_2(llmlb):
    """The line names key and file; there is no traceback."""
    (llmlb.home / "llmlb.toml").write_text("[server]\nport = 'high'\n")

    done = llmlb("plugins")

    assert 2 == done.returncode
    assert "server.port" in done.stderr
    assert "llmlb.toml:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_command_it_serves(llmlb):
    """``llmlb`` alone starts the server; here it is kept from it by a setting, which ``serve`` reads first."""
    (llmlb.home / "llmlb.toml").write_text("[server]\nport = 'high'\n")

    alone, serve = llmlb(), llmlb("serve")

    assert (2, alone.stderr) == (serve.returncode, serve.stderr)
    assert "server.port" in alone.stderr


def test_core_commands_are_those_that_plugins_cannot_have():
    """The host refuses these names to plugins."""
    assert set(CORE_COMMANDS) == root.CORE.keys()


@pytest.mark.parametrize("name", root.CORE)
def test_every_core_command_can_be_imported(name, capsys):
    """Each has a help page; ``llmlb NAME --help`` exits with 0."""
    assert 0 == main([name, "--help"])
    assert f"Usage: llmlb {name}" in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    """Neither the web plane nor storage nor a client library is needed to print help."""
    code = "import sys, json; from llmlb_core.cli import main; main(['--help']); print(json.dumps(sorted(sys.modules)))"
    environ = {**os.environ, "LLMLB_DATA_DIR": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environ)
    modules = set(json.loads(done.stdout.splitlines()[-1]))

    heavy = {"quart", "hypercorn", "tortoise", "aiohttp", "uvloop", "httptools", "jinja2", "xllamacpp", "numpy"}

    assert set() == heavy & modules
    assert len(modules) < 500


def test_a_closed_pipe_is_not_a_traceback(llmlb, core, tmp_path):
    """``llmlb plugins | head`` ends quietly."""
    environ = {"PYTHONPATH": f"{core}{os.pathsep}{tmp_path / 'site'}", "HOME": str(llmlb.home), "LLMLB_DATA_DIR": str(llmlb.home)}
    process = subprocess.Popen(
        [sys.executable, "-S", "-u", "-m", "llmlb_core", "plugins"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()

    with process:
        process.wait(60)
        said = process.stderr.read()

    assert (1, "") == (process.returncode, said)
