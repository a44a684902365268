"""The plugin and its sink, held to the contracts of ``llmlb_core``."""

import pytest
from llmlb_storage_history import HistoryPlugin
from llmlb_storage_history.bodies.sink import BodyKeeper
from llmlb_storage_history.settings import HistorySettings
from llmlb_testing.contracts import BodySinkContract, PluginContract

from llmlb_core import Plugin


class TestBodyKeeper(BodySinkContract):
    @pytest.fixture
    def sink(self):
        return BodyKeeper(1_000_000, 64_000_000)


class TestHistoryPluginContract(PluginContract):
    @pytest.fixture
    def plugin_name(self):
        return "storage_history"


@pytest.mark.parametrize(("policy", "sinks"), [("none", []), ("masked", ["history"]), ("full", ["history"])])
def test_sink_is_contributed_only_where_bodies_are_wanted(tmp_path, policy, sinks):
    """Without one the core copies nothing of any call."""
    plugin = HistoryPlugin(Plugin("storage_history", tmp_path, HistorySettings(bodies=policy)))

    assert sinks == [each.name for each in plugin.llmlb_observers() if isinstance(each, BodyKeeper)]
