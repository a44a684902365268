"""``/v0/models/<id>/fallback``: which models stand in for one that cannot serve a call."""

from __future__ import annotations

from quart import Blueprint, Response

from llmlb_core.endpoints.wishes import refuse_unknown
from llmlb_core.errors import InvalidRequest
from llmlb_core.house import House
from llmlb_core.house.fallbacks import Fallback
from llmlb_core.web.admin.body import answer, database, json_body


def blueprint(house: House) -> Blueprint:
    """Return the pages; see ``guard_by_method``."""
    pages = Blueprint("models", __name__)

    def shown(found: Fallback) -> dict[str, object]:
        unknown = [name for name in found.names if not house.has_model(name)]
        return {"model": found.model, "fallback": list(found.names), "origin": found.origin, "unknown": unknown}

    @pages.get("/fallbacks")
    async def every() -> Response:
        """List the models that others may stand in for."""
        return answer({"models": [shown(each) for each in house.fallbacks.list()]})

    @pages.get("/<path:model>/fallback")
    async def one(model: str) -> Response:
        """Show what stands in for a model; ``unknown`` are names that nothing has at the moment."""
        return answer(shown(house.fallbacks.find(model)))

    @pages.put("/<path:model>/fallback")
    async def change(model: str) -> Response:
        """Say what stands in for a model: ``{"fallback": ["y", "z"]}``, tried in this order; null takes that back."""
        body = await json_body()
        refuse_unknown(body, ("fallback",))
        if "fallback" not in body:
            raise InvalidRequest("fallback is missing; expected a list of names, or null.", param="fallback")
        with database("fallback models"):
            found = await house.fallbacks.put(model, body["fallback"])
        return answer(shown(found))

    return pages
