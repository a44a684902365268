"""Between values and the JSON text that columns of servers hold. What cannot be read counts as not said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmlb_core.domain.models import Capability
from llmlb_core.domain.remote import RemoteModel

_KNOWN = {each.value: each for each in Capability}


def text_of(value: object) -> str | None:
    """Return *value*, of strings, tuples and mappings, as JSON; None for None and for an empty mapping."""
    return None if value is None or value == {} else json.dumps(value)


def listed(text: str | None) -> list[object] | None:
    """Return the list in *text*."""
    value = _read(text)
    return value if isinstance(value, list) else None


def capabilities_of(names: list[object] | None) -> tuple[Capability, ...] | None:
    """Return the capabilities of that name; a name of a newer version is skipped."""
    return None if names is None else tuple(_KNOWN[str(name)] for name in names if str(name) in _KNOWN)


def names_of(names: list[object] | None) -> tuple[str, ...] | None:
    """Return names of models; None where there is none."""
    return tuple(map(str, names)) if names else None


def overrides_of(text: str | None) -> Mapping[str, tuple[Capability, ...]]:
    """Return capabilities by model."""
    value = _read(text)
    if not isinstance(value, dict):
        return {}
    return {str(model): capabilities_of(names) or () for model, names in value.items() if isinstance(names, list)}


MODEL_COLUMNS = (
    "endpoint_id",
    "place",
    "model_id",
    "capabilities",
    "supported_apis",
    "context_tokens",
    "owned_by",
    "size_bytes",
    "max_in_flight",
)


def model_row(endpoint_id: str, place: int, model: RemoteModel) -> tuple[object, ...]:
    """Return the values of ``MODEL_COLUMNS`` for *model*, the *place*-th of its server."""
    return (
        endpoint_id,
        place,
        model.id,
        text_of(model.capabilities),
        text_of(model.apis),
        model.context_tokens,
        model.owned_by[:255],
        model.size_bytes,
        model.max_in_flight,
    )


def remote_model(row: Mapping[str, Any]) -> RemoteModel:
    """Return what *row* says; whether it is loaded is not kept, for it would be old."""
    apis = listed(row["supported_apis"])
    return RemoteModel(
        row["model_id"],
        context_tokens=row["context_tokens"],
        capabilities=capabilities_of(listed(row["capabilities"])),
        apis=None if apis is None else tuple(map(str, apis)),
        owned_by=row["owned_by"],
        size_bytes=row["size_bytes"],
        max_in_flight=row["max_in_flight"],
    )


def _read(text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None
