"""llama.cpp's server."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmlb_core import Capability, Continuation, RemoteModel, Report, Server
from llmlb_core.errors import AnswerUnexpected, ServerTimedOut
from llmlb_endpoint_servers.abilities import apis_of, capabilities_of
from llmlb_endpoint_servers.continuing import continuation
from llmlb_endpoint_servers.openai_compatible import OpenAICompatible


class _Health(msgspec.Struct):
    status: str


class _Slot(msgspec.Struct):
    id: int
    is_processing: bool = False


class _Modalities(msgspec.Struct, frozen=True):
    vision: bool = False
    audio: bool = False


class _Props(msgspec.Struct):
    """``total_slots`` is missing where one process stands in front of several models."""

    build_info: str
    total_slots: int | None = None
    modalities: _Modalities = _Modalities()


class _Meta(msgspec.Struct, frozen=True):
    n_ctx: int | None = None
    n_ctx_train: int | None = None
    size: int | None = None


class _Status(msgspec.Struct):
    value: str = "loaded"


class _Named(msgspec.Struct):
    name: str = ""
    capabilities: list[str] = []


class _Entry(msgspec.Struct):
    id: str
    owned_by: str = ""
    meta: _Meta | None = None
    status: _Status | None = None


class _Models(msgspec.Struct):
    data: list[_Entry]
    models: list[_Named] = []


class LlamaCpp(OpenAICompatible):
    """Takes as many calls at a time as it has slots."""

    name = "llamacpp"
    probe_order = 40
    default_max_in_flight = 1

    async def detect(self, server: Server) -> bool:
        """Its name in the header ``Server``, which is there while it loads too; behind a proxy, its properties."""
        answer = await server.ask("GET", "/health")
        if answer.headers.get("server", "").lower() == "llama.cpp":
            return True
        return answer.status in (200, 503) and await server.find_json("/props", _Props) is not None

    async def list_models(self, server: Server) -> Sequence[RemoteModel]:
        """Its model with the context of one slot; several, where it loads on demand."""
        found = await server.get_json("/v1/models", _Models)
        props = await server.find_json("/props", _Props)
        words = {each.name: each.capabilities for each in found.models}
        is_one = len(found.data) == 1
        return [_remote(each, words.get(each.id, []), props if is_one else None) for each in found.data]

    async def check(self, server: Server) -> Report:
        """``/health`` answers at once; ``/slots`` waits for the batch that runs, and is not open everywhere."""
        try:
            await server.get_json("/health", _Health)
        except AnswerUnexpected as error:
            if error.status == 503:
                return Report(is_loading=True)
            raise
        props = await server.find_json("/props", _Props)
        try:
            slots = await server.find_json("/slots", list[_Slot])
        except ServerTimedOut:  # a long prompt is being read: it is well, and busy
            slots = None
        return Report(
            version=props.build_info if props else None,
            active_count=None if slots is None else sum(each.is_processing for each in slots),
            max_in_flight=len(slots) if slots else props.total_slots if props else None,
        )

    async def find_responses(self, server: Server) -> bool | None:
        """It answers 200 to every OPTIONS, so a call without its one required member asks: 400 is the route's, 404 nobody's."""
        answer = await server.ask("POST", "/v1/responses", {})
        return {400: True, 404: False}.get(answer.status)

    def continue_body(self, route: str, body: bytes, delivered: str, version: str | None) -> Continuation | None:
        """It goes on with a last message of the assistant, unless it was started with ``--no-prefill-assistant``.

        With the members that vLLM has for it builds since May 2026 do so even then.
        """
        del version
        return continuation(route, body, delivered, default_tokens=None)


def _remote(entry: _Entry, words: Sequence[str], props: _Props | None) -> RemoteModel:
    """Join what the list says with the properties, which tell whether it sees."""
    capabilities = capabilities_of(words)
    if capabilities and props:
        told = {Capability.VISION: props.modalities.vision, Capability.AUDIO: props.modalities.audio}
        capabilities = tuple(dict.fromkeys((*capabilities, *(each for each, can in told.items() if can))))
    meta = entry.meta or _Meta()
    return RemoteModel(
        entry.id,
        context_tokens=meta.n_ctx or meta.n_ctx_train,
        capabilities=capabilities,
        apis=apis_of(capabilities) if capabilities else None,
        owned_by=entry.owned_by,
        size_bytes=meta.size,
        is_ready=entry.status is None or entry.status.value == "loaded",
        max_in_flight=props.total_slots if props else None,
    )
