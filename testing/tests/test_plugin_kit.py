"""The kit of whole plugins, on packages with one fault each."""

from __future__ import annotations

import pytest
from llmlb_testing.contracts import PluginContract
from llmlb_testing.distributions import write_distribution

GOOD = """
from llmlb_core import Engine, Fit, hookimpl

class Quiet(Engine):
    name = "quiet"
    @classmethod
    def fit(cls, facts, devices):
        return Fit(0.1, 0, "always")
    def load(self, model, placement, options): ...

@hookimpl
def llmlb_engines():
    return [Quiet]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin ``engine_quiet`` and return its name."""

    def make(source, *, requires=("llmlb-core>=0.1,<9",), module="acme_quiet"):
        write_distribution(tmp_path / "site", "acme-quiet", {"engine_quiet": module}, {module: source}, requires=requires)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        return "engine_quiet"

    return make


async def test_a_good_package_passes(install, tmp_path):
    """Every rule of the kit, called as pytest does."""
    name, kit = install(GOOD, module="acme_good"), PluginContract()

    kit.test_one_installed_package_has_it(name)
    kit.test_it_says_which_core_it_needs(name)
    kit.test_importing_it_is_cheap(name)
    kit.test_it_is_active(name, tmp_path / "data")
    kit.test_an_unknown_setting_is_refused(name, tmp_path / "data")
    await kit.test_it_runs(name, tmp_path / "data")


def test_a_heavy_import_is_named(install):
    """With the module to move."""
    name = install(f"import quart\n{GOOD}", module="acme_heavy")

    with pytest.raises(AssertionError, match=r"importing acme_heavy imports.* quart"):
        PluginContract().test_importing_it_is_cheap(name)


def test_a_core_without_an_upper_bound_is_named(install):
    """The line as it is written."""
    name = install(GOOD, requires=("llmlb-core>=0.1",), module="acme_unbound")

    with pytest.raises(AssertionError, match=r"'llmlb-core>=0\.1' has no upper bound"):
        PluginContract().test_it_says_which_core_it_needs(name)


def test_a_broken_plugin_shows_the_hosts_reason(install, tmp_path):
    """Phase, reason and mend, as `llmlb plugins` says them."""
    name = install("from llmlb_core import hookimpl\n@hookimpl\ndef llmlb_engines():\n    return [1]\n", module="acme_wrong")

    with pytest.raises(AssertionError, match="broken in phase collect"):
        PluginContract().test_it_is_active(name, tmp_path / "data")


def test_a_plugin_that_is_not_installed_is_told():
    """The first thing that goes wrong in a new project."""
    with pytest.raises(AssertionError, match="pip install it first"):
        PluginContract().test_one_installed_package_has_it("engine_absent")
