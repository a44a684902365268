"""The router and its parts keep their contracts."""

from __future__ import annotations

import pytest
from llmlb_router_metrics import RouterMetricsPlugin
from llmlb_testing.contracts import FilterContract, PluginContract, RouterContract, ScorerContract

from llmlb_core import Filter, Plugin, Router, Scorer


@pytest.fixture
def contributed(tmp_path):
    """What the plugin contributes."""
    return list(RouterMetricsPlugin(Plugin("router_metrics", tmp_path)).llmlb_routers())


class TestMetricsRouter(RouterContract):
    """``metrics``."""

    @pytest.fixture
    def router(self, contributed):
        """The router."""
        return next(each for each in contributed if isinstance(each, Router))


class TestRequireGpu(FilterContract):
    """``require_gpu``."""

    @pytest.fixture
    def candidate_filter(self, contributed):
        """The filter."""
        return next(each for each in contributed if isinstance(each, Filter))


class TestMetricsScorers(ScorerContract):
    """All of them."""

    @pytest.fixture(params=["gpu_limit", "vram_limit", "active_calls", "gpu_capability", "load_score"])
    def scorer(self, contributed, request):
        """One of them."""
        return next(each for each in contributed if isinstance(each, Scorer) and each.name == request.param)


class TestRouterMetricsPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self):
        """Its entry point."""
        return "router_metrics"
