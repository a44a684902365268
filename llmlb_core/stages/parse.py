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

    def at_once(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call | None:
        """Return the call where all of it is there; None = await the call of the stage itself.

        Raises:
            InvalidRequest: As there.
        """
        body = outlet.body_at_once(min(entry.route.max_body_bytes, self._settings.max_body_bytes))
        return None if body is None else self._call(head, entry, principal, body)

    async def __call__(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call:
        """Return the call.

        Raises:
            BodyTooLarge: Above the route's or the server's limit.
            BodyTimeout: The client stopped sending.
            InvalidRequest: Not JSON, a routing field of the wrong type, or no model.
        """
        max_bytes = min(entry.route.max_body_bytes, self._settings.max_body_bytes)
        return self._call(head, entry, principal, await outlet.body(max_bytes, self._settings.body_timeout_s))

    def _call(self, head: Head, entry: Entry, principal: Principal, body: bytes) -> Call:
        dialect, route = entry.dialect, entry.route
        fields = dialect.parse(route, body)
        if not fields.model:
            raise InvalidRequest('You must provide a model parameter, such as "model": "smollm2".', param="model")
        deadline_at = head.received_at + self._settings.call_timeout_s
        # By place: names cost a third more.
        return Call(head.id, head, route, dialect, body, fields.model, bool(fields.stream), principal, deadline_at, fields)
