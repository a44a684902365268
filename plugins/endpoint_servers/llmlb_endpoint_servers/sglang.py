"""SGLang."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import msgspec

from llmlb_core import Capability, RemoteModel, Report, Server
from llmlb_endpoint_servers.abilities import apis_of
from llmlb_endpoint_servers.openai_compatible import OpenAICompatible, listed, remote


class _Model(msgspec.Struct):
    model_path: str
    is_generation: bool
    has_image_understanding: bool | None = None
    has_audio_understanding: bool | None = None


class _State(msgspec.Struct):
    effective_max_running_requests_per_dp: int | None = None


class _Info(msgspec.Struct):
    """Of the server's arguments only what is needed: its API keys are among them."""

    version: str | None = None
    max_running_requests: int | None = None
    internal_states: list[_State] = []


class _Load(msgspec.Struct):
    num_reqs: int = 0
    num_running_reqs: int | None = None
    num_waiting_reqs: int = 0

    @property
    def running_count(self) -> int:
        """Older versions count those that wait among ``num_reqs``."""
        return self.num_running_reqs if self.num_running_reqs is not None else max(0, self.num_reqs - self.num_waiting_reqs)


class _Loads(msgspec.Struct):
    loads: list[_Load]


class SGLang(OpenAICompatible):
    """Batches continuously. Its ``/health`` generates a token, so it is not asked that."""

    name = "sglang"
    probe_order = 20
    default_max_in_flight = 256

    async def detect(self, server: Server) -> bool:
        """Its own description of its model, by the new name or the old."""
        return await _model(server) is not None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Its models with ``max_model_len``; the description says whether it generates or embeds, sees and hears."""
        model = await _model(server)
        capabilities: tuple[Capability, ...] | None
        if model is None:
            capabilities = None
        elif not model.is_generation:
            capabilities = (Capability.EMBEDDING,)
        else:
            told = {Capability.VISION: model.has_image_understanding, Capability.AUDIO: model.has_audio_understanding}
            capabilities = (Capability.TEXT_GENERATION, *(each for each, can in told.items() if can))
        apis = apis_of(capabilities) if capabilities else None
        return [attrs.evolve(remote(each), capabilities=capabilities, apis=apis, is_ready=True) for each in await listed(server)]

    async def check(self, server: Server) -> Report:
        """What the server says of itself, and its load."""
        info = await server.find_json("/server_info", _Info)
        if info is None or info.version is None:
            info = await server.get_json("/get_server_info", _Info)
        loads = await server.find_json("/v1/loads", _Loads)
        found = loads.loads if loads else await server.find_json("/get_load", list[_Load])
        ranks = [each.effective_max_running_requests_per_dp or 0 for each in info.internal_states]
        return Report(
            version=info.version,
            active_count=None if found is None else sum(each.running_count for each in found),
            waiting_count=None if found is None else sum(each.num_waiting_reqs for each in found),
            max_in_flight=sum(ranks) or info.max_running_requests,
        )


async def _model(server: Server) -> _Model | None:
    return await server.find_json("/model_info", _Model) or await server.find_json("/get_model_info", _Model)
