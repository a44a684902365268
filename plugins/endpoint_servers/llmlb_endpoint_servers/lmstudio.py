"""LM Studio."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmlb_core import RemoteModel, Report, Server
from llmlb_endpoint_servers.abilities import apis_of, capabilities_of
from llmlb_endpoint_servers.openai_compatible import OpenAICompatible


class _Config(msgspec.Struct, frozen=True):
    context_length: int | None = None
    parallel: int | None = None


class _Instance(msgspec.Struct):
    id: str
    config: _Config = _Config()


class _Abilities(msgspec.Struct, frozen=True):
    vision: bool = False


class _Model(msgspec.Struct):
    """Of ``/api/v1/models``, since 0.4."""

    key: str
    type: str
    loaded_instances: list[_Instance]
    publisher: str = ""
    size_bytes: int | None = None
    max_context_length: int | None = None
    capabilities: _Abilities = _Abilities()


class _Models(msgspec.Struct):
    models: list[_Model]


class _OldModel(msgspec.Struct):
    """Of ``/api/v0/models``, since 0.3.6."""

    id: str
    type: str
    state: str
    publisher: str = ""
    max_context_length: int | None = None
    loaded_context_length: int | None = None


class _OldModels(msgspec.Struct):
    data: list[_OldModel]


class LMStudio(OpenAICompatible):
    """Loads on demand. How many calls an instance takes is said since 0.4; one at a time before."""

    name = "lmstudio"
    probe_order = 50
    default_max_in_flight = 1

    async def detect(self, server: Server) -> bool:
        """Its own list of models; an unknown path is answered with 200 and an error by it, which is no list."""
        if await server.find_json("/api/v0/models", _OldModels) is not None:
            return True
        return await server.find_json("/api/v1/models", _Models) is not None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """What is on its disk, and how what is loaded was loaded."""
        found = await server.find_json("/api/v1/models", _Models)
        if found is not None:
            return [_remote(each) for each in found.models]
        return [_old_remote(each) for each in (await server.get_json("/api/v0/models", _OldModels)).data]

    async def check(self, server: Server) -> Report:
        """What is loaded."""
        models = await self.list_models(server)
        return Report(models_ready=frozenset(each.id for each in models if each.is_ready))

    async def find_responses(self, server: Server) -> bool | None:
        """Since 0.3.29; only from 0.4 on can it be told."""
        return True if await server.find_json("/api/v1/models", _Models) is not None else None


def _remote(model: _Model) -> RemoteModel:
    capabilities = capabilities_of([model.type, *(("vision",) if model.capabilities.vision else ())])
    loaded = [each.config for each in model.loaded_instances]
    return RemoteModel(
        model.key,
        context_tokens=min((each.context_length for each in loaded if each.context_length), default=model.max_context_length),
        capabilities=capabilities,
        apis=apis_of(capabilities, responses=True) if capabilities else None,
        owned_by=model.publisher,
        size_bytes=model.size_bytes,
        is_ready=bool(loaded),
        max_in_flight=sum(each.parallel or 1 for each in loaded) or None,
    )


def _old_remote(model: _OldModel) -> RemoteModel:
    capabilities = capabilities_of([model.type])
    return RemoteModel(
        model.id,
        context_tokens=model.loaded_context_length or model.max_context_length,
        capabilities=capabilities,
        apis=apis_of(capabilities) if capabilities else None,
        owned_by=model.publisher,
        is_ready=model.state == "loaded",
    )
