"""Errors of pages that are not inference, as the same documents that inference answers with."""

from __future__ import annotations

import math

import orjson
from quart import Quart, Response
from werkzeug.exceptions import HTTPException

from llmlb_core.errors import CallError, InternalError, InvalidRequest, MethodNotAllowed, RouteNotFound
from llmlb_core.telemetry.log import get_logger

_log = get_logger("web")


def respond(error: CallError) -> Response:
    """Return *error* as ``{"error": {message, type, param, code}}``."""
    document = {"message": error.message, "type": error.type, "param": error.param, "code": error.code, **error.extras}
    response = Response(orjson.dumps({"error": document}), status=error.status, content_type="application/json")
    if error.retry_after_s is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if error.status == 401:
        response.headers["www-authenticate"] = 'Bearer realm="llmlb"'
    return response


def install(app: Quart) -> None:
    """Answer every error of *app* with a document; none shows a traceback."""

    async def call_error(error: CallError) -> Response:
        return respond(error)

    async def not_found(_error: HTTPException) -> Response:
        from quart import request

        return respond(
            RouteNotFound(
                f"Nothing is served at {request.method} {request.path}. Inference is under /v1, administration under /v0."
            )
        )

    async def not_allowed(error: HTTPException) -> Response:
        from quart import request

        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        response = respond(MethodNotAllowed(f"{request.path} takes {allowed}, not {request.method}."))
        response.headers["allow"] = allowed
        return response

    async def http_error(error: HTTPException) -> Response:
        wrapped = InvalidRequest(error.description or error.name)
        response = respond(wrapped)
        response.status_code = error.code or 400
        return response

    async def defect(error: Exception) -> Response:
        _log.exception("page_raised", error=type(error).__name__)
        return respond(InternalError(f"This page failed unexpectedly ({type(error).__name__}); the server's log has the details."))

    app.register_error_handler(CallError, call_error)
    app.register_error_handler(404, not_found)
    app.register_error_handler(405, not_allowed)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, defect)
