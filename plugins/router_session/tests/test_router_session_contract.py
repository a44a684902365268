"""The router and its scorer keep their contracts, with sessions and without."""

from __future__ import annotations

import pytest
from llmlb_router_session import RouterSessionPlugin
from llmlb_router_session.settings import SessionRouterSettings
from llmlb_testing.contracts import PluginContract, RouterContract, ScorerContract

from llmlb_core import Plugin, Router, Scorer


@pytest.fixture(params=[True, False])
def contributed(tmp_path, request):
    """What the plugin contributes; the kits' calls name no session, but have a principal."""
    settings = SessionRouterSettings(by_principal=request.param)
    return list(RouterSessionPlugin(Plugin("router_session", tmp_path, settings)).llmlb_routers())


class TestSessionRouter(RouterContract):
    """``session``."""

    @pytest.fixture
    def router(self, contributed):
        """The router."""
        return next(each for each in contributed if isinstance(each, Router))


class TestSessionPlace(ScorerContract):
    """``session_place``."""

    @pytest.fixture
    def scorer(self, contributed):
        """The scorer."""
        return next(each for each in contributed if isinstance(each, Scorer))


class TestRouterSessionPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self):
        """Its entry point."""
        return "router_session"
