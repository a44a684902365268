"""The content of a message: a string, or parts of text and images."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import ImagePart, TextPart
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.fields import Fields, kind_of, quoted, wrong_type, wrong_value

Parts = tuple[TextPart | ImagePart, ...]

_DETAILS = ("auto", "low", "high", "original")
_TEXT_MEMBER = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_IMAGES = frozenset({"image_url", "input_image"})


def read_content(fields: Fields, name: str, kinds: Sequence[str]) -> Parts:
    """Read a member that must be a string or a list of parts.

    Args:
        fields: The message.
        name: The member's name.
        kinds: Types of parts that may stand here, such as ``("text", "image_url")``.
    """
    value = fields.value(name)
    param = fields.param(name)
    if isinstance(value, str):
        return (TextPart(value),)
    if not isinstance(value, list):
        raise InvalidRequest(
            f"Invalid type for '{param}': expected a string or an array of content parts, but got {kind_of(value)} instead.",
            param=param,
            code="invalid_type" if value is not None else "missing_required_parameter",
        )
    if not value:
        raise InvalidRequest(
            f"Invalid '{param}': empty array. Expected at least one content part.", param=param, code="empty_array"
        )
    return tuple(_part(Fields(item, f"{param}[{index}]"), kinds) for index, item in enumerate(value))


def _part(part: Fields, kinds: Sequence[str]) -> TextPart | ImagePart:
    """Read one part."""
    kind = part.required_string("type")
    if kind not in kinds:
        supported = ", ".join(f"'{kind}'" for kind in kinds)
        raise UnsupportedParameter(
            f"Content parts of type {quoted(kind)} are not supported here; this message may have {supported}.",
            param=part.param("type"),
        )
    if kind in _IMAGES:
        return _image(part, is_flat=kind == "input_image")
    member = _TEXT_MEMBER[kind]
    return TextPart(part.required_string(member))


def _image(part: Fields, *, is_flat: bool) -> ImagePart:
    """Read an image: ``{"image_url": {"url", "detail"}}`` in chat, flat in the Responses API."""
    if is_flat:
        if part.value("file_id") is not None:
            raise UnsupportedParameter("No files are stored here: send 'image_url' instead.", param=part.param("file_id"))
        source, name = part, "image_url"
    else:
        source, name = part.required_object("image_url"), "url"
    url = source.required_string(name)
    if not url.lower().startswith(("data:image/", "https://", "http://")):
        raise wrong_value(source.param(name), "a 'data:image/…;base64,…' or 'https://…' URL", url)
    return ImagePart(url, source.one_of("detail", _DETAILS) or "auto")


def read_texts(value: object, param: str, kind: str) -> str:
    """Join the texts of a list of ``{"type": kind, "text": …}``, such as a reasoning item's summary."""
    if value is None:
        return ""
    if not isinstance(value, list):
        raise wrong_type(param, "an array", value)
    texts = []
    for index, item in enumerate(value):
        part = Fields(item, f"{param}[{index}]")
        if part.one_of("type", (kind,)) is not None:
            texts.append(part.required_string("text"))
    return "".join(texts)
