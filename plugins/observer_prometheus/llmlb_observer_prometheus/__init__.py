"""``GET /metrics``: what this server measures, in Prometheus' text format, made when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable

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
        """Contribute the page."""
        page = "llmlb_observer_prometheus.page:blueprint"
        return (Routes("/metrics", page, "public" if self._settings.public else "admin"),)
