"""``GET /metrics``: what this server measures, in Prometheus' text format, made when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from llmlb_core import Plugin, Routes, hookimpl
from llmlb_observer_prometheus.settings import PrometheusSettings


class PrometheusPlugin:
    """The page; it keeps nothing of its own."""

    def __init__(self, plugin: Plugin) -> None:
        """Read the settings."""
        self._settings = plugin.settings if isinstance(plugin.settings, PrometheusSettings) else PrometheusSettings()

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.observer_prometheus]``."""
        return PrometheusSettings

    @hookimpl
    def llmlb_routes(self) -> Iterable[Routes]:
        """Contribute the page, and one of providers alone."""
        module = "llmlb_observer_prometheus.page"
        scope: Literal["public", "admin"] = "public" if self._settings.public else "admin"
        return (
            Routes("/metrics", f"{module}:blueprint", scope),
            Routes("/v0/metrics/cloud", f"{module}:cloud_blueprint", scope),
        )
