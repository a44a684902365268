"""``GET /v0/queue/stats``, ``/v0/load-status``, ``/v0/load-balancer/stats``: who waits, how full it is, who was chosen."""

from __future__ import annotations

import attrs
from quart import Blueprint

from llmlb_core.house import House
from llmlb_core.stages.acquire import load_ratio


def blueprint(house: House) -> Blueprint:
    """Return the pages; for the scope ``admin``."""
    pages = Blueprint("queue", __name__)

    @pages.get("/queue/stats")
    async def queue() -> dict[str, object]:
        return _queue(house)

    @pages.get("/load-status")
    async def load() -> dict[str, object]:
        return _load(house)

    @pages.get("/load-balancer/stats")
    async def balancer() -> dict[str, object]:
        return _balancer(house)

    return pages


def _queue(house: House) -> dict[str, object]:
    """Counts of now, means and counts of the last hour (05098000); no caller and no call is named (05098000-F14)."""
    acquire = house.pipeline.acquire
    return {
        **attrs.asdict(acquire.stats()),
        "max_queue_size": acquire.settings.queue_size,
        "backpressure_state": acquire.pressure,
        "waiting_by_model": dict(acquire.waiting_by_model),
    }


def _load(house: House) -> dict[str, object]:
    """How full the queue is, in the shape of 35375000; counts are of the last hour."""
    acquire, stats = house.pipeline.acquire, house.pipeline.acquire.stats()
    ended = stats.served_count + stats.timeout_count + stats.rejected_count
    return {
        "backpressure_state": acquire.pressure,
        "queue_size": stats.waiting_count,
        "max_queue_size": acquire.settings.queue_size,
        "load_ratio": round(load_ratio(stats.waiting_count, acquire.settings), 4),
        "cache_hit_rate": None,  # choices are not cached: one costs a few microseconds, and is right
        "active_connections": house.pipeline.running.count,
        "stats": {
            "total_requests": ended + stats.processing_count + stats.waiting_count,
            "rejected_requests": stats.rejected_count,
            "timeout_requests": stats.timeout_count,
            "avg_wait_time_ms": stats.avg_wait_time_ms,
        },
    }


def _balancer(house: House) -> dict[str, object]:
    """Which endpoints answered calls since the start, and why they were chosen (589f2df1)."""
    by_endpoint: dict[str, int] = {}
    by_reason: dict[str, int] = {}
    for (endpoint, reason), count in house.selections().items():
        by_endpoint[endpoint] = by_endpoint.get(endpoint, 0) + int(count)
        by_reason[reason] = by_reason.get(reason, 0) + int(count)
    return {
        "mode": house.settings.routing.router,
        "total_selections": sum(by_endpoint.values()),
        "selections_by_endpoint": by_endpoint,
        "selections_by_node": by_endpoint,  # as older clients call it
        "selections_by_reason": by_reason,
        "avg_selection_time_ms": None,  # to measure it would cost every call more than the choice: see bench/choose.py
    }
