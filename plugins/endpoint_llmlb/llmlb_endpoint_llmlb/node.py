"""The kind ``llmlb``: what another llmlb says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from llmlb_core import Capability, EndpointKind, RemoteDevice, RemoteModel, Report, Server
from llmlb_core.errors import CallError, EndpointFailed

_CAPABILITIES = {each.value: each for each in Capability}


class _Device(msgspec.Struct):
    id: str | int
    name: str = ""
    vendor: str = "unknown"
    memory_bytes: int | None = None
    free_memory_bytes: int | None = None
    use_0_1: float | None = None
    temperature_c: float | None = None


class _Devices(msgspec.Struct, frozen=True):
    capability_score: float | None = None
    devices: list[_Device] = []


class _Load(msgspec.Struct):
    active_requests: int
    waiting_requests: int | None = None
    max_concurrent_requests: int | None = None


class _Instance(msgspec.Struct):
    model: str
    state: str


class _Health(msgspec.Struct):
    """``GET /v0/health``; the original nodes answer it too, without the last two."""

    status: Literal["online", "busy", "offline", "starting"]
    load: _Load
    gpu: _Devices = _Devices()
    version: str | None = None
    instances: list[_Instance] | None = None


class _Model(msgspec.Struct):
    id: str
    owned_by: str = ""
    ready: bool | None = None
    state: str | None = None
    capabilities: object = None
    supported_apis: list[str] | None = None
    context_tokens: int | None = None
    size_bytes: int | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


class Node(EndpointKind):
    """Asked first: nothing else answers ``/v0/health`` with its load."""

    name = "llmlb"
    probe_order = 10
    default_max_in_flight = 8

    async def detect(self, server: Server) -> bool:
        """Its health, with status and load."""
        return await server.find_json("/v0/health", _Health) is not None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """The models that it can serve; those that failed there are left out."""
        found = await server.get_json("/v1/models", _Models)
        return [_remote(each) for each in found.data if each.ready is not False or each.state == "loading"]

    async def check(self, server: Server) -> Report:
        """Its calls, devices and loaded models (66555000, 589f2df1-F9)."""
        health = await server.get_json("/v0/health", _Health)
        ready = None
        if health.instances is not None:
            ready = frozenset(each.model for each in health.instances if each.state in ("ready", "draining"))
        return Report(
            version=health.version,
            active_count=health.load.active_requests,
            waiting_count=health.load.waiting_requests,
            max_in_flight=health.load.max_concurrent_requests or None,
            is_loading=health.status in ("starting", "offline"),
            devices=tuple(_device(each) for each in health.gpu.devices),
            capability_score=health.gpu.capability_score,
            models_ready=ready,
        )

    async def find_responses(self, server: Server) -> bool | None:
        """None: each of its models says which routes serve it."""
        del server
        return None

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> CallError | None:
        """A model that it no longer has, or still loads, is another endpoint's to serve."""
        del headers
        try:
            code = msgspec.json.decode(body, type=_Refused).error.code
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if (status, code) == (404, "model_not_found"):
            return EndpointFailed("The node no longer has the model.", code="model_not_found")
        if (status, code) == (503, "model_loading"):
            return EndpointFailed("The node is still loading the model.", code="model_loading", retry_after_s=5.0)
        return None


class _Error(msgspec.Struct):
    code: str | None = None


class _Refused(msgspec.Struct):
    error: _Error


def _remote(model: _Model) -> RemoteModel:
    words = model.capabilities if isinstance(model.capabilities, list) else []
    return RemoteModel(
        model.id,
        context_tokens=model.context_tokens,
        capabilities=tuple(_CAPABILITIES[word] for word in words if word in _CAPABILITIES) or None,
        apis=tuple(model.supported_apis) if model.supported_apis is not None else None,
        owned_by=model.owned_by,
        size_bytes=model.size_bytes or None,
        is_ready=model.state == "ready" if model.state is not None else model.ready,
    )


def _device(device: _Device) -> RemoteDevice:
    is_known = device.memory_bytes is not None and device.free_memory_bytes is not None
    return RemoteDevice(
        str(device.id),
        device.name,
        device.vendor,
        memory_bytes=device.memory_bytes,
        used_bytes=max(0, (device.memory_bytes or 0) - (device.free_memory_bytes or 0)) if is_known else None,
        use_0_1=device.use_0_1,
        temperature_c=device.temperature_c,
    )
