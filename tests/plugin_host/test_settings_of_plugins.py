"""A plugin's table of ``llmlb.toml`` arrives as an instance of its class, or the plugin's status says what is wrong with it."""

from __future__ import annotations

import pytest

from llmlb_core.errors import SettingsInvalid

SOURCE = """
from attrs import field, frozen
from llmlb_core import hookimpl

@frozen
class Limits:
    rate: int = 7
    names: tuple[str, ...] = ()

@hookimpl
def llmlb_settings():
    return {answer}
"""


def test_a_table_is_structured(site):
    """Values have the types that the class gives them; absent ones their defaults."""
    site.add("good", SOURCE.format(answer="Limits"))

    host = site.load(tables={"good": {"names": ["a", "b"]}})

    settings = host.plugin("good").settings
    assert (7, ("a", "b")) == (settings.rate, settings.names)


def test_without_a_table_there_are_defaults(site):
    """A plugin never has to ask whether it was configured."""
    site.add("good", SOURCE.format(answer="Limits"))

    host = site.load()

    assert 7 == host.plugin("good").settings.rate


@pytest.mark.parametrize("table", [{"rate": "fast"}, {"rat": 3}])
def test_a_wrong_table_is_the_status_of_its_plugin(site, table):
    """Key path and expected type stand in the reason; the mend is an edit, not a reinstallation."""
    site.add("bad", SOURCE.format(answer="Limits"))
    site.add_engine("good", "shout")

    host = site.load(tables={"bad": table})

    status = host.status("bad")[0]
    assert ("broken", "settings", "edit [plugins.bad] in llmlb.toml") == (status.state, status.phase, status.mend)
    assert f"plugins.bad.{next(iter(table))}" in status.reason
    assert "active" == host.status("good")[0].state


@pytest.mark.parametrize(
    ("answer", "table", "said"),
    [
        ("Limits", {"rate": "fast"}, "plugins.bad.rate: expected an integer"),
        ("Limits", {"rat": 3}, "plugins.bad.rat: is not a setting"),
        ("None", {"rate": 3}, "plugins.bad: it takes no settings"),
    ],
)
def test_a_wrong_table_stops_the_start(site, answer, table, said):
    """An operator's mistake is found at the start, not when the plugin is missed; a disabled plugin's table is nobody's."""
    site.add("bad", SOURCE.format(answer=answer))

    with pytest.raises(SettingsInvalid, match=said):
        site.load(tables={"bad": table}, enforce=True)
    host = site.load(tables={"bad": table}, enforce=True, disabled=("bad",))

    assert "disabled" == host.status("bad")[0].state


def test_a_settings_class_that_is_wrong_in_itself_does_not_stop_the_start(site):
    """That is the plugin's fault, and its status."""
    site.add("bad", SOURCE.format(answer="dict"))

    host = site.load(tables={"bad": {"rate": 3}}, enforce=True)

    assert "broken" == host.status("bad")[0].state


def test_a_table_for_a_plugin_without_settings_is_refused(site):
    """An ignored setting would be a lie."""
    site.add("bad", SOURCE.format(answer="None"))

    host = site.load(tables={"bad": {"rate": 3}})

    assert ("it takes no settings, but [plugins.bad] has rate", "remove [plugins.bad] from llmlb.toml") == (
        host.statuses[0].reason,
        host.statuses[0].mend,
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Limits()", "llmlb_settings returned a Limits; expected an attrs class or None"),
        ("dict", "llmlb_settings returned class dict; expected an attrs class or None"),
        ("frozen(type('Hard', (), {'must': field()}))", "settings class Hard has no default for must; every setting needs one"),
    ],
)
def test_a_wrong_class_is_refused(site, answer, reason):
    """A table may always be absent, so every field needs a default."""
    site.add("bad", SOURCE.format(answer=answer))

    host = site.load()

    assert ("settings", reason) == (host.statuses[0].phase, host.statuses[0].reason)


CLASS = """
from attrs import frozen
from llmlb_core import hookimpl
@frozen
class Limits:
    rate: int = 7
class Acme:
    def __init__(self, plugin):
        self.rate = plugin.settings.rate
    {static}
    @hookimpl
    def llmlb_settings({self}):
        return Limits
    @hookimpl
    def llmlb_engines(self):
        assert 9 == self.rate
        return []
"""


def test_a_class_has_its_settings_when_it_is_called(site):
    """``llmlb_settings`` of a class is static: it is asked before there is an instance."""
    site.add("good", CLASS.format(static="@staticmethod", self=""), value="acme_good:Acme")

    host = site.load(tables={"good": {"rate": 9}})

    assert "active" == host.statuses[0].state


def test_a_class_whose_settings_need_an_instance_is_refused(site):
    """The reason says what to write."""
    site.add("bad", CLASS.format(static="", self="self"), value="acme_bad:Acme")

    host = site.load()

    assert "llmlb_settings is called before the class is; put @staticmethod above @hookimpl" == host.statuses[0].reason
