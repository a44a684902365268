"""OpenAI's API in front of every model: chat, completions, responses, embeddings, sound, pictures, models.

``dialect`` is the wire format, both ways; ``decode`` reads bodies and checks every parameter, ``render`` writes answers,
``pictures`` keeps and serves those that answers name by URL. The reference is OpenAI's public API: what is written here is valid
by the types of the official SDK, read strictly.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from llmlb_core import Plugin, Routes, hookimpl

if TYPE_CHECKING:
    from llmlb_core import Dialect, ServerDialect


class OpenAIPlugin:
    """One server's: the gallery is what the dialect and the route of pictures share."""

    def __init__(self, plugin: Plugin) -> None:
        """Touch nothing yet."""
        from llmlb_dialect_openai.pictures.gallery import Gallery
        from llmlb_dialect_openai.settings import OpenAISettings

        settings = plugin.settings if isinstance(plugin.settings, OpenAISettings) else None
        self._settings = settings or OpenAISettings()
        self._gallery = plugin.shared["gallery"] = Gallery(plugin.data_dir, settings)

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.dialect_openai]``."""
        from llmlb_dialect_openai.settings import OpenAISettings

        return OpenAISettings

    @hookimpl
    def llmlb_dialects(self) -> list[Dialect | ServerDialect]:
        """Contribute the dialect ``openai``, both ways."""
        from llmlb_dialect_openai.dialect import OpenAIDialect
        from llmlb_dialect_openai.server.dialect import OpenAIServerDialect

        return [OpenAIDialect(self._gallery, self._settings.speech_max_characters), OpenAIServerDialect()]

    @hookimpl
    def llmlb_routes(self) -> list[Routes]:
        """Contribute ``GET /v1/models`` and the pictures' route; the blueprints are imported when the web plane starts."""
        return [
            Routes(prefix="/v1/models", blueprint="llmlb_dialect_openai.models_api:blueprint", scope="api"),
            Routes(prefix="/v1/images/files", blueprint="llmlb_dialect_openai.pictures.api:blueprint", scope="public"),
        ]

    @hookimpl
    def llmlb_lifespan(self, plugin: Plugin) -> AbstractAsyncContextManager[None]:
        """Clean the folder of pictures while the server runs."""
        from llmlb_dialect_openai.pictures.lifespan import keep_clean

        del plugin
        return keep_clean(self._gallery)
