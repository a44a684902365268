"""``GET /v1/realtime``: opens the websocket."""

from __future__ import annotations

import asyncio

from quart import Blueprint, Response, current_app, g, websocket

from llmlb_api_realtime.problems import TooManySessions
from llmlb_api_realtime.session import Session, Surroundings
from llmlb_api_realtime.settings import RealtimeSettings
from llmlb_api_realtime.transcriber import Transcriber
from llmlb_core import Plugin
from llmlb_core.errors import InvalidRequest

PROTOCOL = "realtime"
"""The subprotocol that is answered with; never the one that carries a key."""
BETA_PROTOCOL = "openai-beta.realtime-v1"


def blueprint(plugin: Plugin) -> Blueprint:
    """Return the route, relative to ``/v1/realtime``; who may enter was asked before."""
    routes = Blueprint("api_realtime", __name__)
    settings = plugin.settings if isinstance(plugin.settings, RealtimeSettings) else RealtimeSettings()
    around = Surroundings(settings, plugin.models, plugin.stopping or asyncio.Event())
    sessions: set[Session] = set()

    @routes.websocket("")
    async def live() -> None:
        """Serve one session."""
        intent = websocket.args.get("intent", "transcription")
        if intent != "transcription":
            raise InvalidRequest(
                f"Invalid value for 'intent': {intent[:64]!r}; this server writes down what is said: expected 'transcription'.",
                param="intent",
            )
        if len(sessions) >= settings.max_sessions:
            raise TooManySessions(
                f"{len(sessions)} live sessions run already, the most that may; try again when one has ended.", retry_after_s=5
            )
        offered = websocket.requested_subprotocols
        is_beta = BETA_PROTOCOL in offered or "realtime=v1" in websocket.headers.get("openai-beta", "")
        headers = getattr(g, "headers", None) or {name.lower(): value for name, value in websocket.headers.items()}
        transcriber = Transcriber(current_app.asgi_app, websocket.scope, headers, settings.transcription_timeout_s)
        session = Session(around, websocket, transcriber, is_beta=is_beta)
        sessions.add(session)
        try:
            await websocket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
            await session.run(websocket.args.get("model"))
        finally:
            sessions.discard(session)

    @routes.get("")
    async def explain() -> Response:
        """Say what belongs here."""
        raise InvalidRequest(
            "This is a websocket: connect to ws(s)://…/v1/realtime?intent=transcription with 'Upgrade: websocket'.",
            code="websocket_expected",
        )

    return routes
