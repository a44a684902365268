"""Forms to routing fields."""

from __future__ import annotations

from llmlb_core import Form, RoutingFields
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.decode.body import MAX_MODEL_LENGTH

_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"", "false", "0", "off", "no", "null"})


def form_boolean(form: Form, name: str, *, default: bool = False) -> bool:
    """Return the field *name* as a boolean: forms know only text.

    Raises:
        InvalidRequest: It is neither.
    """
    value = form.text(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word not in _TRUE and word not in _FALSE:
        raise InvalidRequest(f"Invalid value for '{name}': expected true or false, but got {value[:64]!r}.", param=name)
    return word in _TRUE


def form_routing_fields(form: Form) -> RoutingFields:
    """Read ``model`` and ``stream`` only.

    Raises:
        InvalidRequest: One of them is not what it should be.
    """
    model = form.text("model")
    if model is None and form.file("model") is not None:
        raise InvalidRequest("'model' is sent as a file; send it as a field: -F model=name.", param="model", code="invalid_type")
    if model is not None and len(model) > MAX_MODEL_LENGTH:
        raise InvalidRequest(
            f"Invalid 'model': string too long. Expected at most {MAX_MODEL_LENGTH} characters, got {len(model)}.",
            param="model",
            code="string_above_max_length",
        )
    return RoutingFields((model or "").strip() or None, form_boolean(form, "stream"))
