"""Stage 2: bytes → call. The body is kept as it came; only the routing fields are decoded."""

from __future__ import annotations

from llmlb_core.contracts.dialect import Entry
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.calls import Call, Head
from llmlb_core.domain.principals import Principal
from llmlb_core.errors import InvalidRequest
from llmlb_core.settings.sections import ServerSettings


class Parse:
    """Reads the body within its limits and asks the dialect for the routing fields."""

    def __init__(self, settings: ServerSettings) -> None:
        """Take the limits from *settings*."""
        self._settings = settings

    async def __call__(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call:
        """Return the call.

        Raises:
            BodyTooLarge: Above the route's or the server's limit.
            BodyTimeout: The client stopped sending.
            InvalidRequest: Not JSON, a routing field of the wrong type, or no model.
        """
        settings, dialect, route = self._settings, entry.dialect, entry.route
        body = await outlet.body(min(route.max_body_bytes, settings.max_body_bytes), settings.body_timeout_s)
        fields = dialect.parse(route, body)
        if not fields.model:
            raise InvalidRequest('You must provide a model parameter, such as "model": "smollm2".', param="model")
        return Call(
            id=head.id,
            head=head,
            route=route,
            dialect=dialect,
            body=body,
            model=fields.model,
            stream=fields.stream,
            principal=principal,
            deadline_at=head.received_at + settings.call_timeout_s,
        )
