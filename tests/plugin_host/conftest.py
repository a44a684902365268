"""A folder of throw-away distributions, loaded in this process."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import distributions

import pytest
from llmlb_testing.distributions import write_distribution

from llmlb_core.plugin_host.discovery import discover
from llmlb_core.plugin_host.loader import load_plugins
from llmlb_core.settings.sections import AuthSettings, PluginsSettings, Settings

ENGINE = """
from llmlb_core import Engine, Fit, hookimpl


class Shout(Engine):
    name = "{engine}"

    @classmethod
    def fit(cls, facts, devices):
        return Fit(0.1, 0, "always")

    def load(self, model, placement, options):
        pass


@hookimpl
def llmlb_engines():
    return [Shout]
"""


class Site:
    """Where plugins are installed, and how they are loaded from there."""

    def __init__(self, folder):
        self.folder = folder
        self.modules = []

    def add(self, plugin, source, *, distribution=None, value=None, version="1.0.0", requires=(), python=None):
        """Install one plugin; its module is called ``acme_<plugin>`` unless *value* says otherwise."""
        distribution = distribution or f"acme-{plugin.replace('_', '-')}"
        module = f"acme_{plugin}" if value is None else value.partition(":")[0]
        write_distribution(
            self.folder,
            distribution,
            {plugin: value or module},
            {module: source},
            version=version,
            requires=requires,
            requires_python=python,
        )
        self.modules.append(module)

    def add_engine(self, plugin, engine, **options):
        """Install a plugin with one good engine."""
        self.add(plugin, ENGINE.format(engine=engine), **options)

    def load(self, *, enforce=False, tables=None, auth=None, models=None, **plugins):
        """Load what is installed here, and only that."""
        importlib.invalidate_caches()
        settings = Settings(
            data_dir=self.folder,
            plugins=PluginsSettings(**plugins),
            plugin_tables=tables or {},
            auth=auth or AuthSettings(authenticators=()),
        )
        found = discover(distributions(path=[str(self.folder)]))
        return load_plugins(settings, models, enforce=enforce, found=found)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder for plugins, on ``sys.path`` while the test runs."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    site = Site(folder)
    yield site
    for module in site.modules:
        sys.modules.pop(module, None)
