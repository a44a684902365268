"""``GET /v0/health``: what a balancer in front of this server asks it, every half minute."""

from __future__ import annotations

from quart import Blueprint

from llmlb_core.domain.devices import Device
from llmlb_core.house import House
from llmlb_core.models.devices import machine_devices
from llmlb_core.version import __version__

_VENDORS = {"cuda": "nvidia", "rocm": "amd", "metal": "apple"}


def blueprint(house: House) -> Blueprint:
    """Return the page; for the scope ``api``, which a balancer's key has anyway."""
    pages = Blueprint("node", __name__)
    devices = machine_devices()

    @pages.get("/health")
    async def node_health() -> dict[str, object]:
        """Report status, load, devices and instances, in the shape of the original nodes and beyond it."""
        queue = house.pipeline.acquire.stats()
        instances = house.supervisor.snapshots()
        slots = sum(each.max_in_flight for each in instances)
        is_busy = bool(slots) and queue.processing_count >= slots
        return {
            "status": "busy" if is_busy else "online",
            "server": "llmlb",
            "version": __version__,
            "load": {
                "active_requests": house.pipeline.running.count,
                "waiting_requests": queue.waiting_count,
                "max_concurrent_requests": slots,
            },
            "gpu": _gpu([each for each in devices if each.kind != "cpu"]),
            "memory": {"ram_total_bytes": sum(each.memory_bytes for each in devices if each.kind == "cpu")},
            "instances": [
                {
                    "model": each.model,
                    "engine": each.engine,
                    "state": each.state,
                    "active_requests": each.in_flight,
                    "max_concurrent_requests": each.max_in_flight,
                    "memory_bytes": each.memory_bytes,
                }
                for each in instances
            ],
        }

    return pages


def _gpu(devices: list[Device]) -> dict[str, object]:
    return {
        "device_count": len(devices),
        "total_memory_bytes": sum(each.memory_bytes for each in devices),
        "devices": [
            {
                "id": each.id,
                "name": each.name,
                "vendor": _VENDORS.get(each.kind, "unknown"),
                "memory_bytes": each.memory_bytes,
                "is_available": True,
            }
            for each in devices
        ],
    }
