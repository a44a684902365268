"""``POST /v0/route/explain``: who would get a call now, and why; nothing is sent, and nobody's turn is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import attrs
from quart import Blueprint, Response, g, request

from llmlb_core.contracts.dialect import Dialect, Route
from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.calls import Call, Head, Operation, new_id
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.explanations import ExplainedCandidate
from llmlb_core.domain.principals import Principal
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.errors import InvalidRequest
from llmlb_core.house import House
from llmlb_core.routing.explain import explain_placement, first_target
from llmlb_core.web.admin.body import answer

DEFAULT_PATH = "/v1/chat/completions"
_SECRETS = frozenset({"authorization", "cookie", "x-api-key", "proxy-authorization"})
_MOST_SHOWN = 60


def blueprint(house: House) -> Blueprint:
    """Return the page; for the scope ``endpoints``."""
    pages = Blueprint("route", __name__)

    @pages.post("/explain")
    async def explain() -> Response:
        """Explain the call that the body is: as a client would send it, or ``model`` alone.

        ``?path=`` says by which route, ``?principal=`` (id or name) for whom; else it is for who asks. What the call would be
        refused with, this page answers too: 400, 404, 501.
        """
        call = await _call(house)
        targets = house.pipeline.resolve(call)
        target = first_target(targets)
        told = explain_placement(house.routers(call, target), call, targets)
        outlook = house.pipeline.acquire.outlook(targets)
        outcome = "placed" if told.winner is not None else "waits" if outlook is not None else "refused"
        fates = zip(told.candidates, target.endpoints, strict=True)
        return answer(
            {
                "model": call.model,
                "target": target.model,
                "path": call.route.path,
                "router": told.router,
                "outcome": outcome,
                "winner": told.winner,
                "reason": told.reason,
                "candidates": [_candidate(fate, endpoint) for fate, endpoint in fates],
                "left_out": list(_left_out(house, target, call.route)),
                "ranks": [attrs.asdict(rank) for rank in told.ranks],
                "queue": None if outlook is None else {"position": outlook.position, "estimated_wait_s": outlook.estimate_s},
            }
        )

    return pages


async def _call(house: House) -> Call:
    """Return the call that is asked about.

    Raises:
        InvalidRequest: The path is no inference route, or the body names no model.
    """
    dialect, route = _route(house, request.args.get("path", DEFAULT_PATH))
    data = await request.get_data()
    body = data.encode() if isinstance(data, str) else data
    fields = dialect.parse(route, body)
    if not fields.model:
        raise InvalidRequest('The body must name a model, such as {"model": "smollm2"}.', param="model")
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() not in _SECRETS}
    now = time.monotonic()
    head = Head("POST", route.path, "", headers, request.remote_addr or "", now, new_id("explain"))
    named = request.args.get("principal")
    principal: Principal = g.principal if named is None else Principal(named, named)
    deadline_at = now + house.settings.server.call_timeout_s
    return Call(head.id, head, route, dialect, body, fields.model, bool(fields.stream), principal, deadline_at)


def _route(house: House, path: str) -> tuple[Dialect, Route]:
    known = {route.path: (dialect, route) for dialect in house.host.registry.dialects.values() for route in dialect.routes}
    if path not in known:
        there = ", ".join(sorted(known)) or "none; no dialect is installed"
        raise InvalidRequest(f"path is {path[:_MOST_SHOWN]!r}, which is no inference route; there are: {there}.", param="path")
    return known[path]


def _candidate(fate: ExplainedCandidate, endpoint: Endpoint) -> dict[str, object]:
    condition = endpoint.condition if isinstance(endpoint, RegisteredEndpoint) else None
    return {
        **attrs.asdict(fate),
        "endpoint_id": endpoint.id,
        "kind": endpoint.kind,
        "is_loading": endpoint.is_loading,
        "status": None if condition is None else condition.status.value,
        "last_error": None if condition is None else condition.last_error,
    }


def _left_out(house: House, target: Target, route: Route) -> Iterator[dict[str, object]]:
    """Yield the servers that have the model and cannot serve this call, each with the reason."""
    for each in house.endpoints.registry.snapshot.endpoints_by_model.get(target.model, ()):
        if each.id in target.ids:
            continue
        able = each.served[target.model].capabilities
        if route.needs not in able:
            reason = f"its capabilities are {', '.join(able)}; the route needs {route.needs}"
        elif route.operation is Operation.RESPONSE and not each.serves_responses(target.model):
            reason = f"it does not serve {route.path}"
        else:
            reason = f"its capabilities are {', '.join(able)}; the call has images"
        yield {"endpoint": each.name, "endpoint_id": each.id, "reason": reason}
