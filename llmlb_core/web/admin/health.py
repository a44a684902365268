"""``GET /health``: is the process alive. Public; says nothing that a stranger should not know."""

from __future__ import annotations

from quart import Blueprint

from llmlb_core.house import House


def blueprint(house: House) -> Blueprint:
    """Return the page."""
    pages = Blueprint("health", __name__)

    @pages.get("/health")
    async def health() -> dict[str, object]:
        return {"status": "ok" if house.is_open else "starting"}

    return pages
