"""``GET /v0/status``: what the server is doing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs
from quart import Blueprint

from llmlb_core.house import House
from llmlb_core.version import __version__


def plain(value: object) -> Any:
    """Return an attrs value as JSON-ready members."""
    return attrs.asdict(value) if attrs.has(type(value)) else value  # type: ignore[arg-type]  # checked by has()


def blueprint(house: House) -> Blueprint:
    """Return the pages."""
    pages = Blueprint("status", __name__)
    started_at = time.time()

    @pages.get("/status")
    async def status() -> Mapping[str, object]:
        return {
            "version": __version__,
            "uptime_s": round(time.time() - started_at, 1),
            "calls_running_count": house.pipeline.running.count,
            "queue": plain(house.pipeline.acquire.stats()),
            "instances": [plain(each) for each in house.supervisor.snapshots()],
            "cloud_providers": {
                name: {"configured": bool(house.clouds.keys(name)), "base_url": cloud.base_url}
                for name, cloud in house.clouds.all.items()
            },
        }

    return pages
