"""The kind ``llmlb`` keeps the contract, with answers of an original node."""

from __future__ import annotations

import pytest
from llmlb_endpoint_llmlb.node import Node
from llmlb_testing.contracts import EndpointKindContract, PluginContract
from llmlb_testing.recorded import RecordedServer

# As the requirements describe GET /v0/health of the original nodes, with one device.
ORIGINAL = {
    "GET /v0/health": {
        "json": {
            "status": "busy",
            "gpu": {
                "device_count": 1,
                "total_memory_bytes": 24_000,
                "used_memory_bytes": 6_000,
                "free_memory_bytes": 18_000,
                "capability_score": 8200.5,
                "devices": [{"id": 0, "name": "RTX 4090", "vendor": "nvidia", "memory_bytes": 24_000, "free_memory_bytes": 18_000}],
            },
            "load": {"active_requests": 1, "max_concurrent_requests": 1},
            "memory": {"ram_used_bytes": 1, "ram_total_bytes": 2, "vram_used_bytes": 6_000, "vram_total_bytes": 24_000},
        }
    },
    "GET /v1/models": {"json": {"object": "list", "data": [{"id": "gpt-oss:20b", "object": "model"}]}},
}


class TestNode(EndpointKindContract):
    @pytest.fixture
    def kind(self):
        return Node()

    @pytest.fixture
    def server(self):
        return RecordedServer(ORIGINAL)


class TestEndpointLlmlbPlugin(PluginContract):
    @pytest.fixture
    def plugin_name(self):
        return "endpoint_llmlb"


async def test_an_original_node_tells_its_devices_and_load():
    """GPU facts are optional and shown where they are known (5cd7b614-F5, 589f2df1-F9)."""
    report = await Node().check(RecordedServer(ORIGINAL))

    (device,) = report.devices
    assert ("0", "RTX 4090", "nvidia", 24_000, 6_000) == (
        device.id,
        device.name,
        device.vendor,
        device.memory_bytes,
        device.used_bytes,
    )
    assert (1, 1, 8200.5) == (report.active_count, report.max_in_flight, report.capability_score)


async def test_a_model_that_failed_there_is_not_listed():
    """It cannot be served; one that is being loaded can soon."""
    entries = [{"id": "a", "ready": False, "state": "failed"}, {"id": "b", "ready": False, "state": "loading"}, {"id": "c"}]

    models = await Node().list_models(RecordedServer({"GET /v1/models": {"json": {"data": entries}}}))

    assert [("b", False), ("c", None)] == [(each.id, each.is_ready) for each in models]
