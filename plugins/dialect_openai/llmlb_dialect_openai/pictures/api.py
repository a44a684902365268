"""``GET /v1/images/files/<id>.png``: a picture, for whoever has its signed URL."""

from __future__ import annotations

import asyncio
import time

from quart import Blueprint, Response, request

from llmlb_core import Plugin
from llmlb_core.errors import CallError, Forbidden, RouteNotFound
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.pictures.gallery import Gallery

GALLERY = "gallery"
"""Its name among what the plugin shares."""


class PictureExpired(RouteNotFound):
    """The picture is not kept any more."""

    status = 410
    code = "picture_expired"


def blueprint(plugin: Plugin) -> Blueprint:
    """Return the route, relative to ``/v1/images/files``."""
    routes = Blueprint("dialect_openai_pictures", __name__)
    gallery = plugin.shared[GALLERY]
    assert isinstance(gallery, Gallery)

    @routes.get("/<name>.png")
    async def picture(name: str) -> Response:
        """One picture."""
        expires = request.args.get("expires", "")
        worth = gallery.check(name, expires, request.args.get("signature", ""))
        if worth == "forged":
            return _refused(
                Forbidden("The signature of this URL is not right; use it as the answer had it, whole.", code="invalid_signature")
            )
        png = await asyncio.to_thread(gallery.store.read, name) if worth == "good" else None
        if png is None:
            return _refused(PictureExpired("This picture is not kept any more; draw it again, with its seed it is the same."))
        left_s = max(0, int(int(expires) - time.time()))
        headers = {"cache-control": f"private, max-age={left_s}, immutable", "x-content-type-options": "nosniff"}
        return Response(png, content_type="image/png", headers=headers)

    return routes


def _refused(error: CallError) -> Response:
    """Return an error answer."""
    return Response(error_document(error), status=error.status, content_type="application/json")
