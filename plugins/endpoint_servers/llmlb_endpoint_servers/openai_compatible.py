"""Any server with OpenAI's API that lists its models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from llmlb_core import EndpointKind, RemoteModel, Server
from llmlb_core.errors import AnswerUnexpected, CallError
from llmlb_endpoint_servers.abilities import apis_of, capabilities_of
from llmlb_endpoint_servers.refusals import read_refusal

_AT_A_TIME = 200
_INPUTS = ("image", "audio")
"""Kinds of input that are abilities of their own."""


class ListedModel(msgspec.Struct):
    """One model of ``GET /v1/models``; beyond ``id``, what one server or another adds. Wrong types there are ignored."""

    id: str = ""
    name: object = None
    model: object = None
    owned_by: object = None
    max_model_len: object = None
    context_length: object = None
    context_window: object = None
    max_context_length: object = None
    context_tokens: object = None
    capabilities: object = None
    type: object = None
    architecture: object = None

    @property
    def called(self) -> str:
        """What calls must name it; OpenAI says ``id``, others ``name`` or ``model``."""
        return next((each for each in (self.id, self.name, self.model) if isinstance(each, str) and each), "")

    @property
    def tokens(self) -> int | None:
        """The longest context, by whichever name."""
        told = (self.max_model_len, self.context_length, self.context_window, self.max_context_length, self.context_tokens)
        return next((each for each in told if isinstance(each, int) and not isinstance(each, bool) and each > 0), None)

    @property
    def words(self) -> list[str]:
        """What it says that the model can do: a list, or an object of booleans, or modalities, or one word for its type."""
        found = _names(self.capabilities)
        if isinstance(self.architecture, dict):
            found += [f"input_{each}" for each in _names(self.architecture.get("input_modalities")) if each in _INPUTS]
            found += [each for each in _names(self.architecture.get("output_modalities")) if each != "audio"]  # that is no hearing
        return found or ([self.type] if isinstance(self.type, str) else [])


class ModelList(msgspec.Struct):
    """``{"data": […]}``, or ``{"models": […]}`` (66555000-F21)."""

    data: list[ListedModel] | None = None
    models: list[ListedModel] | None = None

    @property
    def all(self) -> list[ListedModel] | None:
        """The models, or None where this is no list of models."""
        return self.data if self.data is not None else self.models


class OpenAICompatible(EndpointKind):
    """Asked last but one: what no other kind knows, and what lists models as OpenAI does."""

    name = "openai_compatible"
    probe_order = 900
    default_max_in_flight = 8

    async def detect(self, server: Server) -> bool:
        """It lists models."""
        listed = await server.find_json("/v1/models", ModelList)
        return listed is not None and listed.all is not None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """What is listed, with what the entries tell beyond OpenAI's four members."""
        models = []
        for number, each in enumerate(await listed(server), 1):
            models.append(remote(each))
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)  # a list may have ten thousand: calls go on meanwhile
        return models

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> CallError | None:
        """A model that is gone, and a server that is busy or loads, are no reason to refuse the client."""
        del headers
        return read_refusal(status, body)


async def listed(server: Server) -> list[ListedModel]:
    """Return the entries of ``GET /v1/models`` that have a name."""
    found = (await server.get_json("/v1/models", ModelList)).all
    if found is None:
        raise AnswerUnexpected(
            f"Endpoint '{server.name}' answered GET /v1/models with JSON that has neither 'data' nor 'models'; "
            "is its url the address of an OpenAI-compatible API?",
            endpoint=server.name,
            status=200,
        )
    return [each for each in found if each.called]


def remote(entry: ListedModel) -> RemoteModel:
    """Return what an entry says."""
    capabilities = capabilities_of(entry.words)
    return RemoteModel(
        entry.called,
        context_tokens=entry.tokens,
        capabilities=capabilities,
        apis=apis_of(capabilities) if capabilities else None,
        owned_by=entry.owned_by if isinstance(entry.owned_by, str) else "",
    )


def _names(told: object) -> list[str]:
    """Return the words of a list, or the members of an object that are true."""
    if isinstance(told, dict):
        return [name for name, value in told.items() if value is True]
    return [each for each in told if isinstance(each, str)] if isinstance(told, list) else []
