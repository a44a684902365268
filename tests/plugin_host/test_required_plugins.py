"""Allow list, deny list, and what settings insist on."""

from __future__ import annotations

import pytest

from llmlb_core.errors import PluginRequired
from llmlb_core.settings.sections import AuthSettings

DOOR = """
from llmlb_core import Authenticator, Authorizer, hookimpl
class Door(Authenticator):
    name = "door"
    def credential(self, headers): ...
    async def verify(self, credential): ...
class Guard(Authorizer):
    name = "guard"
    def veto(self, principal, call, target): ...
@hookimpl
def llmlb_auth():
    return [Door(), Guard()]
"""
BY_DOOR = AuthSettings(authenticators=("door",), authorizers=("guard",))


def test_a_denied_plugin_is_not_imported(site):
    """Its status says which setting keeps it out."""
    site.add("bad", "raise AssertionError")

    host = site.load(disabled=("bad",))

    (status,) = host.statuses
    assert ("disabled", "[plugins] disabled names it") == (status.state, status.reason)
    assert 'remove "bad" from [plugins] disabled in llmlb.toml' == status.mend


def test_an_allow_list_leaves_out_the_rest(site):
    """With a list, a newly installed package changes nothing by itself."""
    site.add("bad", "raise AssertionError")
    site.add_engine("good", "shout")

    host = site.load(enabled=("good",))

    assert [("bad", "disabled"), ("good", "active")] == [(each.name, each.state) for each in host.statuses]


def test_a_plugin_that_only_settings_know_is_missing(site):
    """The command that installs it is the mend, for each way of naming it."""
    site.add_engine("good", "shout")

    host = site.load(enabled=("good", "router_a"), tables={"cloud_b": {"x": 1}})

    assert [
        (
            "cloud_b",
            "missing",
            "[plugins.cloud_b] has settings for it, but no such plugin is installed",
            "pip install llmlb-cloud-b",
        ),
        ("router_a", "missing", "[plugins] enabled names it, but no such plugin is installed", "pip install llmlb-router-a"),
    ] == [(each.name, each.state, each.reason, each.mend) for each in host.statuses if each.name != "good"]


def test_a_mistyped_table_names_the_plugin_that_was_meant(site):
    """Installing a package of the mistyped name would be the wrong mend."""
    site.add_engine("engine_shout", "shout")

    host = site.load(tables={"engine_shuot": {"x": 1}})

    assert "write 'engine_shout' in llmlb.toml if that is meant, else pip install llmlb-engine-shuot" == host.statuses[1].mend


def test_a_required_plugin_that_is_not_installed_stops_the_start(site):
    """One line with the command that installs it."""
    with pytest.raises(PluginRequired) as caught:
        site.load(enforce=True, required=("router_best",))

    assert "plugin 'router_best' is required by [plugins] required, but is not installed; pip install llmlb-router-best" == str(
        caught.value
    )


def test_a_required_plugin_that_is_broken_stops_the_start(site):
    """The line has its reason; to disable it would be no way out."""
    site.add("bad", "raise RuntimeError('no licence')")

    with pytest.raises(PluginRequired) as caught:
        site.load(enforce=True, required=("bad",))

    assert (
        "plugin 'bad' is required by [plugins] required, but plugin bad is broken: "
        "RuntimeError: no licence (acme_bad, line 1); pip install --upgrade acme-bad"
    ) == str(caught.value)


def test_who_may_come_in_is_required_by_being_named(site):
    """With its plugin active the start goes on."""
    site.add("auth_door", DOOR)

    host = site.load(enforce=True, auth=BY_DOOR)

    assert ["door"] == list(host.registry.authenticators)


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (
            "raise RuntimeError('x')",
            {},
            "authenticator 'door' is required by [auth] authenticators, but plugin auth_door is broken: ",
        ),
        (
            DOOR,
            {"disabled": ("auth_door",)},
            "authenticator 'door' is required by [auth] authenticators, but plugin auth_door is disabled: ",
        ),
        (
            DOOR.replace('"door"', '"gate"'),
            {},
            "authenticator 'door' is required by [auth] authenticators, but plugin auth_door does not contribute it",
        ),
        (
            DOOR.replace('"guard"', '"watch"'),
            {},
            "authorizer 'guard' is required by [auth] authorizers, but is not installed; pip install llmlb-auth-guard",
        ),
    ],
)
def test_a_start_without_its_authenticator_fails(site, source, options, reason):
    """A broken, disabled or changed plugin never leaves the door open."""
    site.add("auth_door", source)

    with pytest.raises(PluginRequired) as caught:
        site.load(enforce=True, auth=BY_DOOR, **options)

    assert str(caught.value).startswith(reason)


def test_conflicting_authenticators_stop_the_start(site):
    """Two packages that claim one authenticator are a fight that nobody may win by loading first."""
    site.add("auth_door", DOOR)
    site.add("auth_copy", DOOR)

    with pytest.raises(PluginRequired) as caught:
        site.load(enforce=True, auth=BY_DOOR)

    assert "is conflicted: authenticator:door is also contributed by" in str(caught.value)


def test_with_authentication_off_no_authenticator_is_required(site):
    """The setting says that everybody is an administrator; the server then listens on loopback only."""
    site.add_engine("good", "shout")

    host = site.load(enforce=True, auth=AuthSettings(authenticators=("door",), is_disabled=True))

    assert "active" == host.statuses[0].state


def test_the_core_alone_starts(site):
    """Without any plugin there is nothing to guard."""
    host = site.load(enforce=True, auth=AuthSettings())

    assert () == host.statuses
