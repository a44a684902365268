"""Live sound over a websocket, written down while it is spoken: ``GET /v1/realtime?intent=transcription``.

``page`` opens the websocket, ``session`` is what lives on it, ``ear`` finds where somebody speaks, ``transcriber`` sends each
utterance through the server's own pipeline. The reference is OpenAI's public API of realtime transcription.
"""

from __future__ import annotations

from llmlb_core import Routes, hookimpl

KEY_PROTOCOL = "openai-insecure-api-key."
"""How browsers, whose websockets send no headers of one's own, tell a key."""


class RealtimePlugin:
    """The route; it keeps nothing of its own."""

    def __init__(self, plugin: object) -> None:
        """Touch nothing."""

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.api_realtime]``."""
        from llmlb_api_realtime.settings import RealtimeSettings

        return RealtimeSettings

    @hookimpl
    def llmlb_routes(self) -> list[Routes]:
        """Contribute the route; its blueprint is imported when the web plane starts."""
        return [Routes("/v1/realtime", "llmlb_api_realtime.page:blueprint", "api", websocket_key=KEY_PROTOCOL)]
