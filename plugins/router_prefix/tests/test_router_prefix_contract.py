"""The router and its parts keep their contracts."""

from __future__ import annotations

import pytest
from llmlb_router_prefix import RouterPrefixPlugin
from llmlb_testing.contracts import FilterContract, PluginContract, RouterContract, ScorerContract

from llmlb_core import Filter, Plugin, Router, Scorer


@pytest.fixture
def contributed(tmp_path):
    """What the plugin contributes."""
    return list(RouterPrefixPlugin(Plugin("router_prefix", tmp_path)).llmlb_routers())


class TestPrefixRouter(RouterContract):
    """``prefix``."""

    @pytest.fixture
    def router(self, contributed):
        """The router."""
        return next(each for each in contributed if isinstance(each, Router))


class TestInBalance(FilterContract):
    """``in_balance``."""

    @pytest.fixture
    def candidate_filter(self, contributed):
        """The filter."""
        return next(each for each in contributed if isinstance(each, Filter))


class TestPrefill(ScorerContract):
    """``prefill``."""

    @pytest.fixture
    def scorer(self, contributed):
        """The scorer."""
        return next(each for each in contributed if isinstance(each, Scorer))


class TestRouterPrefixPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self):
        """Its entry point."""
        return "router_prefix"
