"""``GET /v1/models`` and ``GET /v1/models/{id}``: OpenAI's shape, and what this server knows beyond it."""

from __future__ import annotations

from quart import Blueprint, Response, request

from llmlb_core import ModelInfo, ModelListing, Plugin
from llmlb_core.errors import CallError, InvalidRequest, ModelNotFound
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.text import dumps

_FILTERS = {"true": True, "false": False}


def model_object(model: ModelInfo) -> dict[str, object]:
    """Return one model; the first four members are OpenAI's."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created_at,
        "owned_by": model.owned_by,
        "ready": model.is_ready,
        "state": model.state,
        "reason": model.reason,
        "capabilities": [str(capability) for capability in model.capabilities],
        "supported_apis": list(model.apis),
        "context_tokens": model.context_tokens,
        "aliases": list(model.aliases),
        "size_bytes": model.size_bytes,
        "engine": model.engine,
    }


def blueprint(plugin: Plugin) -> Blueprint:
    """Return the routes, relative to ``/v1/models``."""
    routes = Blueprint("dialect_openai_models", __name__)
    view = plugin.models

    @routes.get("")
    async def list_models() -> Response:
        """All models, or those that are (not) ready; also those of providers, by their prefix (82491000)."""
        wanted = request.args.get("ready")
        if wanted is not None and wanted not in _FILTERS:
            return _refused(
                InvalidRequest(f"Invalid value for 'ready': expected true or false, but got {wanted[:64]!r}.", param="ready")
            )
        listing = ModelListing(()) if view is None else await view.list_all()
        listed = [model_object(model) for model in listing.models if wanted is None or model.is_ready is _FILTERS[wanted]]
        answer = _json(dumps({"object": "list", "data": listed}))
        if listing.cache_status:
            answer.headers["X-Cache-Status"] = listing.cache_status
            answer.headers["X-Cache-Age"] = str(int(listing.cache_age_s))
        return answer

    @routes.get("/<path:name>")
    async def retrieve_model(name: str) -> Response:
        """One model, by id or alias; ids contain slashes."""
        model = None if view is None else view.find(name)
        if model is None:
            return _refused(
                ModelNotFound(
                    f"The model '{name[:256]}' does not exist here. GET /v1/models lists those that do, and "
                    "`llmlb models --help` says how to add one.",
                    param="model",
                )
            )
        return _json(dumps(model_object(model)))

    return routes


def _json(body: bytes, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(body, status=status, content_type="application/json")


def _refused(error: CallError) -> Response:
    """Return an error answer."""
    return _json(error_document(error), error.status)
