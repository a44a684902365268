"""Content blocks that any model can be given: text, images, and documents that are text."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import ImagePart, TextPart
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_anthropic.fields import Fields, listed, missing, quoted, unsupported, wrong_type, wrong_value
from llmlb_dialect_anthropic.images import data_url

Parts = tuple[TextPart | ImagePart, ...]

MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_OF_SERVERS = frozenset({
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result", "container_upload",
    "tool_reference", "mcp_tool_use", "mcp_tool_result", "compaction", "browser_state",
})  # fmt: skip
"""Blocks that Anthropic's own servers write or understand; no other model could make anything of them."""


def read_blocks(value: object, param: str) -> list[Fields]:
    """Return the blocks of a content; a string is one of text.

    Raises:
        InvalidRequest: It is neither a string nor a list of objects.
    """
    if isinstance(value, str):
        return [Fields({"type": "text", "text": value}, param)] if value else []
    if value is None:
        raise missing(param)
    if not isinstance(value, list):
        raise wrong_type(param, "a valid string or a list of content blocks", value)
    return [Fields(item, f"{param}.{index}") for index, item in enumerate(value)]


def kind_among(block: Fields, kinds: Sequence[str]) -> str:
    """Return the type of *block*, which must be one of *kinds*."""
    kind = block.required_string("type")
    if kind in kinds:
        return kind
    if kind in _OF_SERVERS:
        raise unsupported(
            block.param("type"), f"Blocks of type {quoted(kind)} belong to Anthropic's own servers, and this model is not there."
        )
    raise InvalidRequest(
        f"{block.path}: Input tag {quoted(kind)} found using 'type' does not match any of the expected tags: {listed(kinds)}",
        param=block.param("type"),
    )


def read_part(block: Fields, kind: str) -> TextPart | ImagePart:
    """Return a block of text, an image, or a document in place of which its text stands."""
    if kind == "image":
        return _image(block.required_object("source"))
    if kind == "document":
        return TextPart(_document(block))
    if kind == "search_result":
        texts = _texts(block, "content")
        return TextPart(f"{block.required_string('title')}\n{block.required_string('source')}\n\n{texts}")
    return read_text(block)


def read_text(block: Fields) -> TextPart:
    """Return a block of text."""
    text = block.required_string("text")
    if not text:
        raise InvalidRequest("messages: text content blocks must be non-empty", param=block.param("text"))
    return TextPart(text)


def read_texts(value: object, param: str) -> Parts:
    """Return a content that may be text only, its blocks apart by an empty line."""
    parts: list[TextPart] = []
    for block in read_blocks(value, param):
        kind_among(block, ("text",))
        parts += [TextPart("\n\n")] if parts else []
        parts.append(read_text(block))
    return tuple(parts)


def _image(source: Fields) -> ImagePart:
    kind = source.required_string("type")
    if kind == "base64":
        source.require("media_type")
        media_type = source.one_of("media_type", MEDIA_TYPES) or ""
        data = source.required_string("data")
        if not data:
            raise InvalidRequest(f"{source.path}.data: image cannot be empty", param=source.param("data"))
        return ImagePart(data_url(media_type, data))
    if kind == "url":
        url = source.required_string("url")
        if not url.lower().startswith(("https://", "http://")):
            raise wrong_value(source.param("url"), "an 'https://…' URL", url)
        return ImagePart(url)
    if kind == "file":
        raise unsupported(source.path, "No files are stored here: send the image as 'base64' or 'url'.")
    raise wrong_value(source.param("type"), "one of 'base64', 'url'", kind)


def _document(block: Fields) -> str:
    source = block.required_object("source")
    citations = block.object("citations")
    if citations is not None and citations.boolean("enabled"):
        raise unsupported(block.param("citations"), "This model cannot cite; leave 'citations' out.")
    kind = source.required_string("type")
    if kind == "text":
        text = source.required_string("data")
    elif kind == "content":
        text = _texts(source, "content")
    else:
        raise unsupported(
            source.param("type"),
            f"Documents of type {quoted(kind)} cannot be read here: send their text, with a source of type 'text'.",
        )
    return "\n\n".join(filter(None, (block.string("title"), block.string("context"), text)))


def _texts(fields: Fields, name: str) -> str:
    return "".join(part.text for part in read_texts(fields.require(name), fields.param(name)) if isinstance(part, TextPart))
