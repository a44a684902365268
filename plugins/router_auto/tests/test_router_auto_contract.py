"""Every router and part of the plugin keeps its contract, before and after it has learned something."""

from __future__ import annotations

import pytest
from llmlb_router_auto.parts import AutoParts
from llmlb_router_auto.settings import AutoSettings
from llmlb_testing.contracts import FilterContract, PickerContract, PluginContract, RouterContract, ScorerContract

from llmlb_core import Attempt, Record


def ended(endpoint, seconds, **others):
    return Record("r", 0.0, model="m", operation="chat", served_by=endpoint, first_token_s=seconds, duration_s=9, **others)


@pytest.fixture(params=["new", "taught"])
def parts(request):
    """All parts; the taught ones have seen fast, slow and failing endpoints."""
    made = AutoParts(AutoSettings(weights={"e1": 3.0}))
    if request.param == "taught":
        for feedback in made.feedbacks:
            for number in range(40):
                feedback.on_end(ended(f"e{number % 4}", 0.1 * (1 + number % 4), ending="finished"))
            failed = Record("r", 0.0, model="m", ending="failed", duration_s=9)
            failed.attempts.append(Attempt("e3", "failed", "bad_gateway", 0.1))
            feedback.on_end(failed)
    return made


class TestAutoRouters(RouterContract):
    """The three of them."""

    @pytest.fixture(params=["auto", "latency", "weighted"])
    def router(self, parts, request):
        """One of them."""
        return next(each for each in parts.routers if each.name == request.param)


class TestAutoFilters(FilterContract):
    """Both."""

    @pytest.fixture(params=["not_failing", "within_reach"])
    def candidate_filter(self, parts, request):
        """One of them."""
        return next(each for each in parts.filters if each.name == request.param)


class TestAutoScorers(ScorerContract):
    """All of them."""

    @pytest.fixture(params=["idle", "expected_wait", "first_token", "round_trip", "gpu", "in_flight"])
    def scorer(self, parts, request):
        """One of them."""
        return next(each for each in parts.scorers if each.name == request.param)


class TestAutoPickers(PickerContract):
    """Both."""

    @pytest.fixture(params=["rotation", "weighted"])
    def picker(self, parts, request):
        """One of them."""
        return next(each for each in parts.pickers if each.name == request.param)


class TestRouterAutoPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self):
        """Its entry point."""
        return "router_auto"
