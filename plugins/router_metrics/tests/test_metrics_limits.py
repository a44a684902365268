"""The limits are settings."""

from __future__ import annotations

import pytest
from llmlb_router_metrics.settings import MetricsRouterSettings

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.load import structure_table

PATH = ("plugins", "router_metrics")


def test_the_environment_beats_the_file(monkeypatch):
    """589f2df1-F14: the variables of the original."""
    for name, value in (("GPU", "60"), ("VRAM", "70"), ("ACTIVE_REQ", "3")):
        monkeypatch.setenv(f"LLMLB_{name}_THRESHOLD", value)

    settings = structure_table(MetricsRouterSettings, {"gpu_percent": 50.0}, PATH, None)

    assert MetricsRouterSettings(60.0, 70.0, 3) == settings


@pytest.mark.parametrize(("value", "problem"), [("101", "expected at most 100, got 101.0"), ("much", "expected a number, got the")])
def test_a_variable_that_makes_no_sense_is_named(monkeypatch, value, problem):
    """Like any other setting."""
    monkeypatch.setenv("LLMLB_GPU_THRESHOLD", value)

    with pytest.raises(SettingsInvalid, match="LLMLB_GPU_THRESHOLD") as caught:
        structure_table(MetricsRouterSettings, {}, PATH, None)

    assert caught.value.message.startswith(f"plugins.router_metrics.gpu_percent: {problem}")
