"""The kit for whole plugins, as the host loads them."""

from __future__ import annotations

import inspect
import re
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from llmlb_testing.imports import HEAVY_MODULES, heavy_imports

if TYPE_CHECKING:
    from llmlb_core.plugin_host.discovery import Found
    from llmlb_core.plugin_host.host import PluginHost
    from llmlb_core.settings.sections import Settings


class PluginContract:
    """Rules of an installed plugin. Needs a fixture ``plugin_name``: the name of its entry point, such as ``engine_shout``.

    Attributes:
        table: ``[plugins.<name>]`` of ``llmlb.toml``, for a plugin that cannot work without settings.
        heavy_modules: Libraries that importing the plugin must not load.
    """

    table: ClassVar[dict[str, object]] = {}
    heavy_modules: ClassVar[frozenset[str]] = HEAVY_MODULES

    def test_one_installed_package_has_it(self, plugin_name: str) -> None:
        """An entry point ``<kind>_<name>`` of the group ``llmlb``; two packages with one name are in conflict."""
        found = _found(plugin_name)

        assert re.fullmatch(r"[a-z]+_[a-z0-9_]+", plugin_name), f"{plugin_name!r} is not <kind>_<name>"
        assert found.fault is None

    def test_it_says_which_core_it_needs(self, plugin_name: str) -> None:
        """``llmlb-core>=X,<Y``: with an upper bound a later core says "incompatible" and the command that mends it."""
        core = [line for line in _found(plugin_name).requires if line.replace("_", "-").lower().startswith("llmlb-core")]

        assert core, "its package does not depend on llmlb-core"
        assert any("<" in line for line in core), f"{core[0]!r} has no upper bound"

    def test_importing_it_is_cheap(self, plugin_name: str) -> None:
        """Every ``llmlb serve`` and many commands import every plugin; what is heavy is imported where it is used."""
        module = _found(plugin_name).value.partition(":")[0]

        found = heavy_imports(module, self.heavy_modules)

        assert not found, f"importing {module} imports {', '.join(found)}"

    def test_it_is_active(self, plugin_name: str, tmp_path: Path) -> None:
        """The host imports it, checks its hooks and files what they return; it contributes something."""
        (status,) = self.load(plugin_name, tmp_path).status(plugin_name)

        assert status.state == "active", f"{status.state} in phase {status.phase}: {status.reason}. Mend: {status.mend}"

    def test_it_can_be_loaded_twice(self, plugin_name: str, tmp_path: Path) -> None:
        """One process may make several applications, as tests do: nothing is kept at module level that breaks the second."""
        first, second = (self.load(plugin_name, tmp_path / part).status(plugin_name)[0] for part in "ab")

        assert first.contributes == second.contributes

    def test_loading_it_writes_nothing(self, plugin_name: str, tmp_path: Path) -> None:
        """``llmlb plugins`` loads it too, perhaps as another user: files are made when they are needed."""
        self.load(plugin_name, tmp_path / "data")

        assert [*tmp_path.rglob("*")] == []

    def test_an_unknown_setting_is_refused(self, plugin_name: str, tmp_path: Path) -> None:
        """A slip in ``llmlb.toml`` makes the plugin broken, with the key in the reason; it is never ignored."""
        (status,) = self.load(plugin_name, tmp_path, {**self.table, "no_such_setting": 1}).status(plugin_name)

        assert (status.state, status.phase) == ("broken", "settings")
        assert "no_such_setting" in (status.reason or "")

    def test_its_commands_print_help(self, plugin_name: str, tmp_path: Path) -> None:
        """``llmlb NAME --help`` needs no server and no database, and every command says what it does."""
        from click.testing import CliRunner

        for name, command in self.load(plugin_name, tmp_path).registry.commands.items():
            answer = CliRunner().invoke(command, ["--help"], prog_name=f"llmlb {name}")
            assert answer.exit_code == 0, answer.output
            assert command.help, f"llmlb {name} has no help; write a docstring"

    @pytest.mark.asyncio
    async def test_it_runs(self, plugin_name: str, tmp_path: Path) -> None:
        """Its tables are made, its lifespan opens and closes, its blueprints are Quart's, and nothing became of it."""
        host = self.load(plugin_name, tmp_path)

        async with AsyncExitStack() as running:
            if host.registry.storage_apps:
                from llmlb_core.storage.setup import open_storage

                assert [app.label for app in host.registry.storage_apps] == [plugin_name], "the label is the plugin's name"
                await running.enter_async_context(open_storage(self.settings(plugin_name, tmp_path), host.registry.storage_apps))
            for _, lifespan in host.lifespans():
                await running.enter_async_context(lifespan)
            for _, routes in host.registry.routes:
                _check_blueprint(host, plugin_name, routes.blueprint)

        (status,) = host.status(plugin_name)
        assert (status.state, status.last_fault) == ("active", None), status.reason

    def load(self, plugin_name: str, data_dir: Path, table: dict[str, object] | None = None) -> PluginHost:
        """Load the plugin, and only it, as a server with *table* as its settings would."""
        from llmlb_core.plugin_host.loader import load_plugins

        return load_plugins(self.settings(plugin_name, data_dir, table), enforce=False)

    def settings(self, plugin_name: str, data_dir: Path, table: dict[str, object] | None = None) -> Settings:
        """Return settings under which nothing but the plugin runs."""
        from llmlb_core.settings.sections import AuthSettings, PluginsSettings, Settings

        return Settings(
            data_dir=data_dir,
            plugins=PluginsSettings(enabled=(plugin_name,)),
            plugin_tables={plugin_name: self.table if table is None else table},
            auth=AuthSettings(authenticators=()),
        )


def _found(plugin_name: str) -> Found:
    from llmlb_core.plugin_host.discovery import discover

    found = [each for each in discover() if each.name == plugin_name]
    assert found, f"no installed package has the entry point {plugin_name!r}; pip install it first"
    assert len(found) == 1, f"{', '.join(each.distribution for each in found)} all have the entry point {plugin_name!r}"
    return found[0]


def _check_blueprint(host: PluginHost, plugin_name: str, path: str) -> None:
    from quart import Blueprint

    module, _, function = path.partition(":")
    made = getattr(import_module(module), function)
    assert not inspect.iscoroutinefunction(made)
    assert isinstance(made(host.plugin(plugin_name)), Blueprint), f"{path} returns no quart.Blueprint"
