"""``llmlb plugins list|show|check`` in an environment of its own."""

from __future__ import annotations

import json

import pytest
from llmlb_testing.distributions import link_core, run_isolated, write_distribution

GOOD = "from llmlb_core import hookimpl\n@hookimpl\ndef llmlb_routers():\n    return []\n"


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """An environment with the core alone."""
    return link_core(tmp_path_factory.mktemp("core"))


@pytest.fixture
def llmlb(core, tmp_path):
    """Run ``llmlb`` where ``run.add`` has installed plugins."""
    site, home = tmp_path / "site", tmp_path / "home"
    site.mkdir()
    home.mkdir()

    def run(*arguments):
        return run_isolated(arguments, path=[core, site], home=home)

    def add(name, source):
        write_distribution(site, f"acme-{name.replace('_', '-')}", {name: f"acme_{name}"}, {f"acme_{name}": source})

    run.home, run.add = home, add
    return run


def test_plugins_alone_lists(llmlb):
    """``llmlb plugins`` is ``llmlb plugins list``."""
    llmlb.add("router_good", GOOD)

    alone, listed = llmlb("plugins"), llmlb("plugins", "list")

    assert (0, listed.stdout) == (alone.returncode, alone.stdout)
    assert "NAME         VERSION  STATE   CONTRIBUTES, OR WHY NOT\nrouter_good  1.0.0    active  nothing\n" == alone.stdout


def test_the_core_alone_says_what_to_install(llmlb):
    """An empty table would be no answer."""
    done = llmlb("plugins")

    assert (0, "No plugin is installed; pip install llmlb brings the default set.\n") == (done.returncode, done.stdout)


def test_json_is_the_document_of_the_api(llmlb):
    """Both spellings print the same object."""
    llmlb.add("router_good", GOOD)
    llmlb.add("router_bad", "raise RuntimeError('no')")

    listed = json.loads(llmlb("plugins", "list", "--json").stdout)

    assert listed == json.loads(llmlb("plugins", "--json").stdout)
    assert [("router_bad", "broken"), ("router_good", "active")] == [(each["name"], each["state"]) for each in listed["plugins"]]


def test_show_says_everything_of_one(llmlb):
    """One line a fact, and the same as JSON."""
    llmlb.add("router_bad", "raise RuntimeError('no')")

    text, document = llmlb("plugins", "show", "router_bad"), llmlb("plugins", "show", "router_bad", "--json")

    assert (
        "name          router_bad\ndistribution  acme-router-bad\nversion       1.0.0\nstate         broken\nphase         import\n"
        "reason        RuntimeError: no (acme_router_bad, line 1)\n"
        'mend          pip install --upgrade acme-router-bad, or add "router_bad" to [plugins] disabled in llmlb.toml\n'
    ) == text.stdout
    assert "import" == json.loads(document.stdout)["phase"]


def test_show_of_an_unknown_plugin_fails(llmlb):
    """The message lists what is installed."""
    llmlb.add("router_good", GOOD)

    done = llmlb("plugins", "show", "router_god")

    assert (1, "Error: no plugin 'router_god' is installed; installed: router_good\n") == (done.returncode, done.stderr)


def test_check_is_content_with_active_and_disabled(llmlb):
    """A plugin that somebody left out on purpose is no fault."""
    llmlb.add("router_good", GOOD)
    llmlb.add("router_bad", "raise RuntimeError('no')")
    (llmlb.home / "llmlb.toml").write_text('[plugins]\ndisabled = ["router_bad"]\n[auth]\nauthenticators = []\n')

    done = llmlb("plugins", "check")

    assert (0, "1 plugin is active.\n") == (done.returncode, done.stdout)


def test_check_fails_with_reason_and_mend(llmlb):
    """For a script the exit code, for a person the next command."""
    llmlb.add("router_bad", "raise RuntimeError('no')")
    (llmlb.home / "llmlb.toml").write_text("[auth]\nauthenticators = []\n")

    done, document = llmlb("plugins", "check"), llmlb("plugins", "check", "--json")

    assert [
        "router_bad is broken: RuntimeError: no (acme_router_bad, line 1)",
        '  mend: pip install --upgrade acme-router-bad, or add "router_bad" to [plugins] disabled in llmlb.toml',
    ] == done.stdout.splitlines()
    assert 1 == done.returncode
    assert (1, False) == (document.returncode, json.loads(document.stdout)["ok"])


def test_check_fails_where_the_server_would_not_start(llmlb):
    """What settings require is part of the answer."""
    llmlb.add("router_good", GOOD)

    done = llmlb("plugins", "check")

    unmet = "authenticator 'apikey' is required by [auth] authenticators, but is not installed; pip install llmlb-auth-apikey"
    assert (1, f"The server will not start: {unmet}\n") == (done.returncode, done.stdout)
