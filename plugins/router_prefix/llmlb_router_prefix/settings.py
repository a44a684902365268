"""The settings of ``[plugins.router_prefix]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class PrefixRouterSettings:
    """How much is remembered, and how uneven the load may become for it."""

    memory_bytes: int = setting(
        32 * 1024 * 1024, "Memory for what was read where; about 200 bytes for 64 to 256 tokens.", minimum=65536
    )
    imbalance_count: int = setting(8, "An endpoint with so many more calls in flight than the least busy one gets none.", minimum=1)
    imbalance_ratio: float = setting(1.5, "And so does one with so many times as many; both must be passed.", minimum=1)
