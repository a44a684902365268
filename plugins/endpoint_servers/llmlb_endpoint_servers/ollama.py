"""Ollama."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import msgspec

from llmlb_core import RemoteModel, Report, Server
from llmlb_core.errors import ServerError, ServerTimedOut, ServerUnreachable
from llmlb_endpoint_servers.abilities import apis_of, capabilities_of
from llmlb_endpoint_servers.openai_compatible import OpenAICompatible

RESPONSES_SINCE = (0, 13, 3)
"""The first version with ``/v1/responses`` (24157000)."""
_SHOWN_AT_A_TIME = 4
_SHOWN_AT_MOST = 500
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)


class _Version(msgspec.Struct):
    version: str


class _Tag(msgspec.Struct):
    name: str
    size: int | None = None
    digest: str = ""


class _Tags(msgspec.Struct):
    models: list[_Tag]


class _Running(msgspec.Struct):
    name: str
    context_length: int | None = None


class _Processes(msgspec.Struct):
    models: list[_Running]


class _Shown(msgspec.Struct):
    capabilities: list[str] = []
    parameters: str = ""
    model_info: dict[str, object] = {}


class Ollama(OpenAICompatible):
    """Loads on demand; by default one call of a model at a time."""

    name = "ollama"
    probe_order = 60
    default_max_in_flight = 1

    async def detect(self, server: Server) -> bool:
        """It lists its models at ``/api/tags`` and says its version at ``/api/version``, both in its own shape."""
        if await server.find_json("/api/version", _Version) is None:
            return False
        return await server.find_json("/api/tags", _Tags) is not None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """What it has on its disk; each is asked for, a few at a time, since only that tells context and capabilities."""
        tags = (await server.get_json("/api/tags", _Tags)).models
        loaded = await _processes(server)
        gate = asyncio.Semaphore(_SHOWN_AT_A_TIME)

        async def described(tag: _Tag) -> RemoteModel:
            async with gate:
                return _remote(tag, await _show(server, tag.name), loaded)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(described(tag)) for tag in tags[:_SHOWN_AT_MOST]]
        return [*(task.result() for task in tasks), *(_remote(tag, None, loaded) for tag in tags[_SHOWN_AT_MOST:])]

    async def check(self, server: Server) -> Report:
        """Its version and what is loaded."""
        version = await server.get_json("/api/version", _Version)
        return Report(version=version.version, models_ready=frozenset(await _processes(server)))

    async def find_responses(self, server: Server) -> bool | None:
        """By its version."""
        told = await server.find_json("/api/version", _Version)
        number = re.match(r"(\d+)\.(\d+)\.(\d+)", told.version) if told else None
        return None if number is None else tuple(int(part) for part in number.groups()) >= RESPONSES_SINCE


async def _processes(server: Server) -> dict[str, int | None]:
    """Return the context of each loaded model, by its name."""
    found = await server.find_json("/api/ps", _Processes)
    return {each.name: each.context_length for each in found.models} if found else {}


async def _show(server: Server, name: str) -> _Shown | None:
    """Return the details of a model; None where just this one cannot be shown, such as one whose file is damaged."""
    try:
        return await server.post_json("/api/show", {"model": name}, _Shown)
    except (ServerUnreachable, ServerTimedOut):
        raise
    except ServerError:
        return None


def _remote(tag: _Tag, shown: _Shown | None, loaded: dict[str, int | None]) -> RemoteModel:
    capabilities = capabilities_of(shown.capabilities) if shown else None
    return RemoteModel(
        tag.name,
        context_tokens=loaded.get(tag.name) or (_context(shown) if shown else None),
        capabilities=capabilities,
        apis=apis_of(capabilities) if capabilities else None,
        owned_by="ollama",
        size_bytes=tag.size,
        is_ready=tag.name in loaded,
    )


def _context(shown: _Shown) -> int | None:
    """Return the context that the model file sets, else the longest that the model was made for."""
    set_to = _NUM_CTX.search(shown.parameters)
    if set_to:
        return int(set_to[1])
    made_for = shown.model_info.get(f"{shown.model_info.get('general.architecture')}.context_length")
    return made_for if isinstance(made_for, int) else None
