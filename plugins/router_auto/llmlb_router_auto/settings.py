"""The settings of ``[plugins.router_auto]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class AutoSettings:
    """How far endpoints may differ."""

    reach: float = setting(
        2.0, "An endpoint that is this many times as slow as the fastest gets calls only where no other has a slot.", minimum=1
    )
    gpu_percent: float = setting(80.0, "A GPU that is busier is overloaded.", env=("LLMLB_GPU_THRESHOLD",), minimum=0, maximum=100)
    vram_percent: float = setting(
        90.0, "GPU memory that is fuller is overloaded.", env=("LLMLB_VRAM_THRESHOLD",), minimum=0, maximum=100
    )
    set_aside_s: float = setting(
        5.0,
        "How long an endpoint gets no call of a model after one failed there; doubled with each failure. 0 = not at all.",
        minimum=0,
    )
    set_aside_max_s: float = setting(300.0, "The longest of these times.", minimum=0)
    weights: dict[str, float] = setting(
        dict, "Share of an endpoint under the router `weighted`, by its name; absent = 1.", minimum=0.001, maximum=1000
    )
