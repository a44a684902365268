"""What a plugin does wrong in a phase is its own status, and nothing else."""

from __future__ import annotations

import sys
import time

import pytest

from llmlb_core.plugin_host.loader import load_plugins

GOOD = "acme_good"


def only(host, name):
    (status,) = host.status(name)
    return status


def test_a_good_third_party_plugin_is_active(site):
    """One class and three lines of hook are a plugin."""
    site.add_engine("good", "shout", version="2.1")

    host = site.load()

    status = only(host, "good")
    assert ("active", "acme-good", "2.1", ("engine:shout",)) == (
        status.state,
        status.distribution,
        status.version,
        status.contributes,
    )
    assert "good" == host.registry.engines["shout"].plugin
    assert "good" == host.registry.owners["engine:shout"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence (acme_bad, line 1)"),
        ("import sys\nsys.exit('go away')", "SystemExit: go away (acme_bad, line 2)"),
        ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here' (acme_bad, line 1)"),
        ("def broken(:\n    pass", "SyntaxError: "),
        ("class Odd(BaseException):\n    pass\nraise Odd('odd')", "Odd: odd (acme_bad, line 3)"),
    ],
)
def test_raising_at_import_is_a_status(site, source, reason):
    """Whatever a module raises when imported, the others are loaded."""
    site.add("bad", source)
    site.add_engine("good", "shout")

    host = site.load()

    status = only(host, "bad")
    assert ("broken", "import") == (status.state, status.phase)
    assert status.reason.startswith(reason)
    assert 'pip install --upgrade acme-bad, or add "bad" to [plugins] disabled in llmlb.toml' == status.mend
    assert "active" == only(host, "good").state


def test_ctrl_c_at_import_is_passed_on(site):
    """The person at the keyboard is obeyed, not recorded."""
    site.add("slow", "raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        site.load()


def test_a_reason_is_one_bounded_line(site):
    """A plugin cannot flood the log or the table."""
    site.add("bad", "raise RuntimeError('a\\nb' * 5000)")

    host = site.load()

    reason = only(host, "bad").reason
    assert "\n" not in reason
    assert len(reason) <= 400


def test_an_entry_point_that_names_nothing_is_a_status(site):
    """The reason names module and attribute."""
    site.add("bad", "", value="acme_bad:Missing")

    host = site.load()

    assert "module acme_bad has no 'Missing', which its entry point names" == only(host, "bad").reason


def test_an_entry_point_that_names_neither_module_nor_class_is_a_status(site):
    """An instance at module level would do its work at import."""
    site.add("bad", "thing = 3", value="acme_bad:thing")

    host = site.load()

    assert "its entry point names 'thing', an int; expected a module or a class" == only(host, "bad").reason


def test_a_malformed_entry_point_is_a_status(site):
    """Neither the name nor the value of an entry point is trusted."""
    site.add_engine("Bad Name", "one", value="acme_one")
    site.add_engine("prefer", "two", value="acme_two")
    site.add_engine("wrong_value", "three")
    points = next(site.folder.glob("acme_wrong_value*.dist-info")) / "entry_points.txt"
    points.write_text("[llmlb]\nwrong_value = not a module!\n")

    host = site.load()

    assert {"broken"} == {status.state for status in host.statuses}
    assert {"compat"} == {status.phase for status in host.statuses}
    assert "neither 'module' nor 'module:Class'" in only(host, "wrong_value").reason
    assert "is a setting of [plugins]" in only(host, "prefer").reason


def test_a_plugin_that_is_a_class_gets_its_plugin(site):
    """The host calls the class once, with its name and data directory; its hooks share the instance."""
    source = """
from llmlb_core import Router, hookimpl

class First(Router):
    name = "first"
    def __init__(self, plugin):
        self.plugin = plugin
    def choose(self, call, candidates):
        return None

class Acme:
    made = 0
    def __init__(self, plugin):
        Acme.made += 1
        self.plugin = plugin
    @hookimpl
    def llmlb_routers(self):
        return [First(self.plugin)]
"""
    site.add("router_first", source, value="acme_router_first:Acme")

    host = site.load()

    router = host.registry.routers["first"]
    assert host.plugin("router_first") is router.plugin
    assert ("router_first", site.folder) == (router.plugin.name, router.plugin.data_dir)
    assert 1 == sys.modules["acme_router_first"].Acme.made


def test_a_class_that_raises_when_called_is_a_status(site):
    """The place in the plugin's own code is named."""
    source = """
from llmlb_core import hookimpl
class Acme:
    def __init__(self, plugin):
        raise ValueError("no device")
    @hookimpl
    def llmlb_engines(self):
        return []
"""
    site.add("bad", source, value="acme_bad:Acme")

    host = site.load()

    status = only(host, "bad")
    assert ("broken", "register") == (status.state, status.phase)
    assert "ValueError: no device (acme_bad, line 5)" == status.reason


def test_raising_in_a_hook_is_a_status(site):
    """A hook that raises half way contributes nothing at all."""
    source = """
from llmlb_core import hookimpl, Engine
class One(Engine):
    name = "one"
    @classmethod
    def fit(cls, facts, devices): ...
    def load(self, model, placement, options): ...
@hookimpl
def llmlb_engines():
    yield One
    raise OSError("disk gone")
"""
    site.add("bad", source)

    host = site.load()

    status = only(host, "bad")
    assert ("broken", "collect") == (status.state, status.phase)
    assert "OSError: disk gone (acme_bad, line 11)" == status.reason
    assert {} == host.registry.engines


def test_no_plugin_is_imported_twice(site):
    """Loading imports each module once, and a second load does not import it again."""
    site.add_engine("good", "shout")
    with (site.folder / "acme_good.py").open("a") as file:
        file.write("\nimport builtins\nbuiltins.acme_imports = getattr(builtins, 'acme_imports', 0) + 1\n")

    site.load()
    site.load()

    import builtins

    assert 1 == builtins.acme_imports
    del builtins.acme_imports


def test_two_names_for_one_module_are_refused(site):
    """The second name would do everything twice."""
    site.add_engine("first", "shout", value="acme_shared")
    site.add_engine("second", "shout", value="acme_shared")

    host = site.load()

    assert "active" == only(host, "first").state
    assert "another entry point names the same module; a plugin has one name" == only(host, "second").reason


def test_twenty_plugins_load_quickly(site):
    """The metadata of each is read once; two seconds are generous even on a busy machine."""
    for number in range(20):
        site.add_engine(f"plugin_{number:02}", f"engine{number}", requires=["llmlb-core>=0.1", "attrs", "click"])

    began = time.perf_counter()
    host = site.load()

    assert time.perf_counter() - began < 2
    assert 20 == len(host.registry.engines)
    assert sorted(host.registry.engines, key=lambda name: int(name[6:])) == list(host.registry.engines)


def test_damaged_metadata_hide_nobody_else(site):
    """A package whose entry points cannot be read is one broken plugin."""
    site.add_engine("good", "shout")
    site.add_engine("bad", "other")
    points = next(site.folder.glob("acme_bad*.dist-info")) / "entry_points.txt"
    points.write_text("[llmlb]\nthis line has no equals sign\n")

    host = site.load()

    assert "active" == only(host, "good").state
    assert {"broken"} == {status.state for status in host.statuses if status.distribution == "acme-bad"}


def test_without_plugins_the_core_loads(tmp_path):
    """The core alone has no plugin and no complaint."""
    from llmlb_core.settings.sections import Settings

    host = load_plugins(Settings(data_dir=tmp_path), found=())

    assert () == host.statuses
