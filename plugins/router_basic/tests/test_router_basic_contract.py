"""Both routers and their plugin keep the contracts."""

from __future__ import annotations

import pytest
from llmlb_router_basic.least_in_flight import LeastInFlight
from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.contracts import PluginContract, RouterContract


class TestRoundRobin(RouterContract):
    """In turn."""

    @pytest.fixture
    def router(self) -> RoundRobin:
        """A new one."""
        return RoundRobin()


class TestLeastInFlight(RouterContract):
    """The least busy one."""

    @pytest.fixture
    def router(self) -> LeastInFlight:
        """A new one."""
        return LeastInFlight()


class TestRouterBasicPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "router_basic"
