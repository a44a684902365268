"""OpenAI's API in front of every model: chat, completions, responses, embeddings, models.

``dialect`` is the wire format, both ways; ``decode`` reads bodies and checks every parameter, ``render`` writes answers. The
reference is OpenAI's public API: what is written here is valid by the types of the official SDK, read strictly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmlb_core import Routes, hookimpl

if TYPE_CHECKING:
    from llmlb_core import Dialect


@hookimpl
def llmlb_dialects() -> list[Dialect]:
    """Contribute the dialect ``openai``."""
    from llmlb_dialect_openai.dialect import OpenAIDialect

    return [OpenAIDialect()]


@hookimpl
def llmlb_routes() -> list[Routes]:
    """Contribute ``GET /v1/models``; its blueprint is imported when the web plane starts."""
    return [Routes(prefix="/v1/models", blueprint="llmlb_dialect_openai.models_api:blueprint", scope="api")]
