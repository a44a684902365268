"""The router and its scorer keep their contracts, before and after they have learned something."""

from __future__ import annotations

import pytest
from llmlb_router_tps import RouterTpsPlugin
from llmlb_testing.contracts import PluginContract, RouterContract, ScorerContract

from llmlb_core import Plugin, Record, Router, Scorer, Usage


@pytest.fixture(params=["new", "taught"])
def contributed(tmp_path, request):
    """What the plugin contributes."""
    plugin = RouterTpsPlugin(Plugin("router_tps", tmp_path))
    if request.param == "taught":
        (speeds,) = plugin.llmlb_observers()
        for number in range(12):
            record = Record("r", 0.0, model="m", operation="chat", served_by=f"e{number % 3}", stream=True, ending="finished")
            record.first_token_s, record.duration_s, record.usage = 0.5, 1.5 + number % 3, Usage(10, 100)
            speeds.on_end(record)
    return list(plugin.llmlb_routers())


class TestTpsRouter(RouterContract):
    """``tps``."""

    @pytest.fixture
    def router(self, contributed):
        """The router."""
        return next(each for each in contributed if isinstance(each, Router))


class TestTokenSeconds(ScorerContract):
    """``token_seconds``."""

    @pytest.fixture
    def scorer(self, contributed):
        """The scorer."""
        return next(each for each in contributed if isinstance(each, Scorer))


class TestRouterTpsPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self):
        """Its entry point."""
        return "router_tps"
