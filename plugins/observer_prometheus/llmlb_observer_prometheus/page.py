"""The page itself."""

from __future__ import annotations

import asyncio

from quart import Blueprint, Response

from llmlb_core import Plugin
from llmlb_core.errors import NoEndpoint
from llmlb_observer_prometheus.text import CONTENT_TYPE, exposition


def blueprint(plugin: Plugin) -> Blueprint:
    """Return the page of what *plugin* can see."""
    pages = Blueprint("observer_prometheus", __name__)

    @pages.get("")
    async def metrics() -> Response:
        if plugin.metrics is None:
            raise NoEndpoint("Nothing is measured here.", code="metrics_unavailable")
        # Read here, where nothing changes meanwhile; written in a thread, for thousands of lines take milliseconds.
        families = plugin.metrics.collect()
        return Response(await asyncio.to_thread(exposition, families), content_type=CONTENT_TYPE)

    return pages
