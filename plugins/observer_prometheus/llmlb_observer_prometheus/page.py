"""The page itself."""

from __future__ import annotations

import asyncio

from attrs import evolve
from quart import Blueprint, Response

from llmlb_core import Plugin
from llmlb_core.errors import NoEndpoint
from llmlb_observer_prometheus.text import CONTENT_TYPE, exposition

_OLDER = {"cloud_requests": "cloud_requests", "cloud_latency": "cloud_request_latency"}
"""What an older server called them at ``/v0/metrics/cloud`` (4b6e9f2a)."""


def cloud_blueprint(plugin: Plugin) -> Blueprint:
    """Return the page of calls of providers alone, under both names."""
    pages = Blueprint("observer_prometheus_clouds", __name__)

    @pages.get("")
    async def metrics() -> Response:
        families = [] if plugin.metrics is None else [each for each in plugin.metrics.collect() if each.name.startswith("cloud_")]
        older = [evolve(each, name=_OLDER[each.name]) for each in families if each.name in _OLDER]
        return Response(exposition(families) + exposition(older, prefix=""), content_type=CONTENT_TYPE)

    return pages


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
