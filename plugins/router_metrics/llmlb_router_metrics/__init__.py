"""The router ``metrics``: by what health checks tell of GPUs, as the program that llmlb succeeds did it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl
from llmlb_router_metrics.settings import MetricsRouterSettings

if TYPE_CHECKING:
    from llmlb_core import Filter, Plugin, Router, Scorer


class RouterMetricsPlugin:
    """Holds the limits."""

    def __init__(self, plugin: Plugin) -> None:
        """Take the limits of settings."""
        own = plugin.settings
        self._settings = own if isinstance(own, MetricsRouterSettings) else MetricsRouterSettings()

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.router_metrics]``."""
        return MetricsRouterSettings

    @hookimpl
    def llmlb_routers(self) -> Iterable[Router | Filter | Scorer]:
        """Contribute the router, its scorers and the filter."""
        from llmlb_core import Composed, Rank, Rotation
        from llmlb_router_metrics.require_gpu import RequireGpu
        from llmlb_router_metrics.scorers import ActiveCalls, GpuCapability, GpuLimit, LoadScore, VramLimit

        settings = self._settings
        gpu, vram = GpuLimit(settings.gpu_percent), VramLimit(settings.vram_percent)
        active, capability, load = ActiveCalls(), GpuCapability(), LoadScore(settings.active_calls)
        router = Composed("metrics", (), (Rank(gpu), Rank(vram), Rank(active), Rank(capability)), Rotation())
        return router, RequireGpu(), gpu, vram, active, capability, load
