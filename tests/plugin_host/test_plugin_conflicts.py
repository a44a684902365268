"""A name that two plugins claim belongs to neither, until settings say to whom. Load order never matters."""

from __future__ import annotations

import pytest

from llmlb_core.settings.sections import AuthSettings

AUTH = """
from llmlb_core import Authenticator, hookimpl
class Door(Authenticator):
    name = "door"
    def credential(self, headers): ...
    async def verify(self, credential): ...
@hookimpl
def llmlb_auth():
    return [Door()]
"""


def states(host):
    return {status.name: status.state for status in host.statuses}


def test_two_engines_of_one_name_are_both_conflicted(site):
    """Neither serves; each says with whom, and the edit that chooses."""
    site.add_engine("engine_a", "twin")
    site.add_engine("engine_b", "twin")
    site.add_engine("engine_c", "single")

    host = site.load()

    assert {"engine_a": "conflicted", "engine_b": "conflicted", "engine_c": "active"} == states(host)
    assert ["single"] == list(host.registry.engines)
    status = host.status("engine_b")[0]
    assert ("conflict", "engine:twin is also contributed by engine_a", ("engine:twin",)) == (
        status.phase,
        status.reason,
        status.contributes,
    )
    assert 'in llmlb.toml: [plugins.prefer] "engine:twin" = "engine_a", or uninstall one of them' == status.mend


@pytest.mark.parametrize("winner", ["engine_a", "engine_b"])
def test_settings_choose_between_two(site, winner):
    """The other stays active without that name, and says so."""
    site.add_engine("engine_a", "twin")
    site.add_engine("engine_b", "twin")
    loser = {"engine_a": "engine_b", "engine_b": "engine_a"}[winner]

    host = site.load(prefer={"engine:twin": winner})

    assert {"engine_a": "active", "engine_b": "active"} == states(host)
    assert winner == host.registry.engines["twin"].plugin
    assert f"engine:twin is left to {winner} by [plugins.prefer] 'engine:twin'" == host.status(loser)[0].reason


def test_a_preference_for_a_stranger_settles_nothing(site):
    """The reason says that the preferred plugin does not contribute the name."""
    site.add_engine("engine_a", "twin")
    site.add_engine("engine_b", "twin")

    host = site.load(prefer={"engine:twin": "engine_z"})

    assert {"engine_a": "conflicted", "engine_b": "conflicted"} == states(host)
    assert host.statuses[0].reason.endswith("[plugins.prefer] names 'engine_z', which does not contribute it")


def test_who_may_come_in_stays_with_the_preferred_plugin_while_it_is_away(site):
    """A broken authenticator is not replaced by another package that claims its name."""
    site.add("auth_door", "raise RuntimeError")
    site.add("auth_thief", AUTH)

    host = site.load(prefer={"authenticator:door": "auth_door"}, auth=AuthSettings(authenticators=("door",)))

    assert {} == host.registry.authenticators


def test_two_dialects_of_one_path_are_both_conflicted(site):
    """A path has one dialect, whatever the dialects are called."""
    source = """
from llmlb_core import Dialect, Route, hookimpl
class Speech(Dialect):
    name = "{name}"
    routes = (Route("/v1/speak", "chat", "text"),)
    def parse(self, route, body): ...
    def decode(self, route, body): ...
    def renderer(self, call, model): ...
    def error(self, error): ...
@hookimpl
def llmlb_dialects():
    return [Speech()]
"""
    site.add("dialect_a", source.format(name="a"))
    site.add("dialect_b", source.format(name="b"))

    host = site.load()

    assert {"dialect_a": "conflicted", "dialect_b": "conflicted"} == states(host)
    assert "path:/v1/speak is also contributed by dialect_b" == host.statuses[0].reason


def test_a_command_of_the_core_cannot_be_replaced(site):
    """``llmlb serve`` is llmlb's."""
    source = """
import click
from llmlb_core import hookimpl
@hookimpl
def llmlb_commands(cli):
    cli.add_command(click.Command("serve"))
"""
    site.add("bad", source)

    host = site.load()

    assert ("conflicted", "the command 'serve' belongs to llmlb itself") == (host.statuses[0].state, host.statuses[0].reason)
    assert {} == host.registry.commands


def test_one_plugin_name_in_two_packages_imports_neither(site):
    """A package cannot push itself into the place of another: the fight is seen before anything runs."""
    site.add("engine_x", "raise AssertionError", distribution="honest-x", value="acme_honest")
    site.add("engine_x", "raise AssertionError", distribution="other-x", value="acme_other")

    host = site.load()

    assert [("honest-x", "conflicted"), ("other-x", "conflicted")] == [(each.distribution, each.state) for each in host.statuses]
    assert "other-x brings a plugin of the same name" == host.statuses[0].reason
    assert 'pip uninstall other-x, or in llmlb.toml: [plugins.prefer] "plugin:engine_x" = "honest-x"' == host.statuses[0].mend


def test_settings_choose_between_two_packages(site):
    """Here the preference names the package, since the plugins share their name."""
    site.add_engine("engine_x", "x", distribution="honest-x", value="acme_honest")
    site.add("engine_x", "raise AssertionError", distribution="other-x", value="acme_other")

    host = site.load(prefer={"plugin:engine_x": "honest-x"})

    assert [("honest-x", "active"), ("other-x", "disabled")] == [(each.distribution, each.state) for each in host.statuses]
    assert ["x"] == list(host.registry.engines)


def test_a_broken_plugin_conflicts_with_nobody(site):
    """Only what was really contributed can be in the way."""
    site.add_engine("engine_a", "twin")
    site.add_engine("engine_b", "twin", requires=["llmlb-core>=99"])

    host = site.load()

    assert {"engine_a": "active", "engine_b": "incompatible"} == states(host)
