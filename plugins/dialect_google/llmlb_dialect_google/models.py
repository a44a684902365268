"""The list of models that the API offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from llmlb_core import Capability, RemoteModel, Server

PAGE_SIZE: Final = 1000
MOST_PAGES: Final = 10
_EMBEDS = frozenset({"embedContent", "batchEmbedContents"})


class _Model(msgspec.Struct, rename="camel"):
    name: str
    input_token_limit: int | None = None
    supported_generation_methods: list[str] = []


class _Page(msgspec.Struct, rename="camel"):
    models: list[_Model] = []
    next_page_token: str = ""


async def listed_models(server: Server) -> Sequence[RemoteModel]:
    """Return what *server* lists and this dialect can ask: models that only speak, draw or film are left out.

    Raises:
        ServerError: They cannot be listed.
    """
    found: list[RemoteModel] = []
    token = ""
    for _ in range(MOST_PAGES):
        more = f"&pageToken={quote(token, safe='')}" if token else ""
        page = await server.get_json(f"/models?pageSize={PAGE_SIZE}{more}", _Page)
        found += [model for model in map(_remote, page.models) if model.capabilities]
        token = page.next_page_token
        if not token:
            break
    return found


def _remote(model: _Model) -> RemoteModel:
    methods = set(model.supported_generation_methods)
    name = model.name.removeprefix("models/")
    capabilities: tuple[Capability, ...] = ()
    if "generateContent" in methods:
        # The list does not tell who sees; all that are called Gemini do.
        sees = (Capability.VISION,) if name.startswith("gemini-") else ()
        capabilities = (Capability.TEXT_GENERATION, *sees)
    if methods & _EMBEDS:
        capabilities += (Capability.EMBEDDING,)
    return RemoteModel(name, context_tokens=model.input_token_limit, capabilities=capabilities, owned_by="google")
