"""The settings of ``[plugins.router_metrics]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class MetricsRouterSettings:
    """Limits above which an endpoint is overloaded (589f2df1-F14)."""

    gpu_percent: float = setting(80.0, "A GPU that is busier is overloaded.", env=("LLMLB_GPU_THRESHOLD",), minimum=0, maximum=100)
    vram_percent: float = setting(
        90.0, "GPU memory that is fuller is overloaded.", env=("LLMLB_VRAM_THRESHOLD",), minimum=0, maximum=100
    )
    active_calls: int = setting(
        10, "Calls at an endpoint that count as a full load in `load_score`.", env=("LLMLB_ACTIVE_REQ_THRESHOLD",), minimum=1
    )
