"""``GET /v0/plugins``: what ``llmlb plugins list --json`` prints."""

from __future__ import annotations

from quart import Blueprint

from llmlb_core.errors import RouteNotFound
from llmlb_core.house import House
from llmlb_core.plugin_host.report import report


def blueprint(house: House) -> Blueprint:
    """Return the pages."""
    pages = Blueprint("plugins", __name__)

    @pages.get("")
    async def every() -> dict[str, object]:
        return {"plugins": report(house.host)}

    @pages.get("/<name>")
    async def one(name: str) -> dict[str, object]:
        for plugin in report(house.host):
            if plugin["name"] == name:
                return plugin
        raise RouteNotFound(f"No plugin is called '{name}'; GET /v0/plugins lists them.")

    return pages
