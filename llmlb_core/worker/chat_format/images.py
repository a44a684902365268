"""Images in a conversation: taken out of it, with a mark where each one was."""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Sequence

from attrs import evolve, field, frozen

from llmlb_core.domain.chat import ImagePart, Message, TextPart
from llmlb_core.errors import InvalidRequest


@frozen
class Seen:
    """A conversation without its images.

    Attributes:
        messages: With ``mark`` as text where an image was.
        images: Files, in order.
        mark: Not to be guessed: text of a client that looks like it would take an image's place. Empty where there is no image.
    """

    messages: tuple[Message, ...]
    images: tuple[bytes, ...] = field(default=(), repr=False)
    mark: str = ""


def take_images(messages: Sequence[Message]) -> Seen:
    """Return *messages* without their images.

    Raises:
        InvalidRequest: An image is no data URL with base64.
    """
    images = [part for message in messages for part in message.parts if isinstance(part, ImagePart)]
    if not images:
        return Seen(tuple(messages))
    mark = f"<image {secrets.token_hex(8)}>"
    marked = tuple(
        evolve(message, parts=tuple(TextPart(mark) if isinstance(part, ImagePart) else part for part in message.parts))
        for message in messages
    )
    return Seen(marked, tuple(_file(part.url) for part in images), mark)


def _file(url: str) -> bytes:
    head, comma, data = url.partition(",")
    if not (comma and head[:5].lower() == "data:" and head.lower().endswith(";base64")):
        raise InvalidRequest("An image must be here as 'data:image/…;base64,…'.", param="messages", code="invalid_base64")
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise InvalidRequest("The data of an image is not valid base64.", param="messages", code="invalid_base64") from error
