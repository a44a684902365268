"""``/v0/endpoints``: register, show, change, remove, test and sync servers (66555000)."""

from __future__ import annotations

import asyncio

from quart import Blueprint, Response, g, request

from llmlb_core.endpoints.documents import (
    Document,
    check_document,
    endpoint_document,
    model_documents,
    sync_document,
    tested_document,
    trial_document,
)
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.wishes import checked_capabilities, refuse_unknown
from llmlb_core.errors import InvalidRequest
from llmlb_core.house import House
from llmlb_core.house.endpoint_office import EndpointOffice
from llmlb_core.web.admin.body import answer, database, json_body, whole_number

MOST_CHECKS = 1000
_MANY_MODELS = 300
_WHAT = "endpoints"


def blueprint(house: House) -> Blueprint:
    """Return the pages. Who may read sees them; who may only use models sees no addresses; see ``guard_by_method``."""
    pages = Blueprint("endpoints", __name__)
    admin = _Admin(house)
    pages.get("")(admin.list_endpoints)
    pages.post("")(admin.register)
    pages.post("/test")(admin.try_out)
    pages.get("/<endpoint_id>")(admin.show)
    pages.put("/<endpoint_id>")(admin.change)
    pages.delete("/<endpoint_id>")(admin.remove)
    pages.post("/<endpoint_id>/test")(admin.test)
    pages.post("/<endpoint_id>/sync")(admin.sync)
    pages.get("/<endpoint_id>/models")(admin.models)
    pages.put("/<endpoint_id>/models/<path:model>")(admin.override)
    pages.get("/<endpoint_id>/health")(admin.health)
    return pages


class _Admin:
    def __init__(self, house: House) -> None:
        self._house = house

    async def list_endpoints(self) -> Response:
        """List servers with their state (66555000-F3); ``?status=`` and ``?kind=`` choose."""
        status, kind = request.args.get("status"), request.args.get("kind")
        found = [
            each
            for each in self._office.registry.snapshot.endpoints
            if status in (None, each.condition.status.value) and kind in (None, each.kind)
        ]
        return answer({"endpoints": [self._shown(each) for each in found], "total": len(found)})

    async def register(self) -> Response:
        """Register a server (66555000-F2); it is looked at in the background at once."""
        body = await json_body()
        with database(_WHAT):
            endpoint = await self._office.register(body)
        # As it was when it was registered: what the first look finds is shown by GET.
        return answer({**self._shown(endpoint), "status": "pending"}, 201)

    async def try_out(self) -> Response:
        """Look at a server that is not registered (66555000-F7)."""
        return answer(trial_document(await self._office.try_out(await json_body())))

    async def show(self, endpoint_id: str) -> Response:
        """Show a server with its models."""
        endpoint = self._office.find(endpoint_id)
        return await _large(endpoint, {**self._shown(endpoint)})

    async def change(self, endpoint_id: str) -> Response:
        """Change a server (66555000-F8); with ``version``, or ``If-Match``, only what is as it was read."""
        body = await json_body()
        expected = request.headers.get("if-match", "*").strip().removeprefix("W/").strip('"')
        if expected != "*" and "version" not in body:
            if not expected.isdecimal():
                raise InvalidRequest("If-Match must be the version that GET answered.", param="if-match")
            body["version"] = int(expected)
        with database(_WHAT):
            endpoint = await self._office.change(endpoint_id, body)
        return answer(self._shown(endpoint))

    async def remove(self, endpoint_id: str) -> Response:
        """Remove a server; calls that run there finish."""
        with database(_WHAT):
            await self._office.remove(endpoint_id)
        return Response(b"", status=204)

    async def test(self, endpoint_id: str) -> Response:
        """Look at a server now (66555000-F16)."""
        return answer(tested_document(*await self._office.check(endpoint_id)))

    async def sync(self, endpoint_id: str) -> Response:
        """Ask a server for its models now."""
        endpoint, synced = await self._office.sync(endpoint_id)
        return answer(sync_document(synced, endpoint.listed_at))

    async def models(self, endpoint_id: str) -> Response:
        """List the models of a server."""
        endpoint = self._office.find(endpoint_id)
        return await _large(endpoint, {"endpoint_id": endpoint.id, "total": len(endpoint.served)})

    async def override(self, endpoint_id: str, model: str) -> Response:
        """Say what a model can do, whatever its server says (66555000-F18); null takes that back."""
        body = await json_body()
        refuse_unknown(body, ("capabilities",))
        if "capabilities" not in body:
            raise InvalidRequest("capabilities is missing; expected a list, or null.", param="capabilities")
        capabilities = checked_capabilities(body["capabilities"])
        with database(_WHAT):
            endpoint = await self._office.override(endpoint_id, model, capabilities)
        return answer(model_documents([endpoint.served[model]], endpoint.listed_at)[0])

    async def health(self, endpoint_id: str) -> Response:
        """Show how a server was, youngest first; ``?before=`` with the last id shows what is older (66555000-F14)."""
        limit = whole_number("limit", 100, 1, MOST_CHECKS)
        before = whole_number("before", 0, 1, 2**62)
        with database(_WHAT):
            found = await self._office.history(endpoint_id, limit, before or None)
        checks = [check_document(each.check, each.number) for each in found]
        return answer({"endpoint_id": endpoint_id, "checks": checks})

    @property
    def _office(self) -> EndpointOffice:
        return self._house.endpoints

    def _shown(self, endpoint: RegisteredEndpoint) -> Document:
        principal = g.get("principal")
        is_whole = principal is None or principal.has("endpoints")
        return endpoint_document(endpoint, self._house.settings.health.interval_s, is_whole=is_whole)


async def _large(endpoint: RegisteredEndpoint, document: Document) -> Response:
    """Answer with *document* and the models of *endpoint*; many are written in a thread, so that streams go on meanwhile."""
    models, listed_at = tuple(endpoint.served.values()), endpoint.listed_at

    def written() -> Response:
        return answer({**document, "models": model_documents(models, listed_at)})

    return written() if len(models) <= _MANY_MODELS else await asyncio.to_thread(written)
