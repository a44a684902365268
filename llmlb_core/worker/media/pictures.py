"""Uploaded pictures, looked at before an engine decodes them: format, size, and what a mask must be."""

from __future__ import annotations

from llmlb_core.domain.media import Blob, ImageRequest
from llmlb_core.domain.picture_facts import PictureFacts, PictureFormat, picture_facts
from llmlb_core.errors import InvalidRequest

MAX_PICTURE_BYTES = 4 * 1024 * 1024
"""4 MiB, as OpenAI's reference has it for edits and variations."""
MAX_PIXELS = 4096 * 4096
"""More than any model draws, and 48 MiB when decoded; a file of some kilobytes may claim gigabytes."""

_IMAGE_FORMATS: tuple[PictureFormat, ...] = ("png", "jpeg", "webp")
_MASK_FORMATS: tuple[PictureFormat, ...] = ("png", "webp")


def check_pictures(request: ImageRequest) -> None:
    """Look at the heads of the picture and the mask of *request*; reads files, so it belongs in a thread.

    Raises:
        InvalidRequest: ``missing_image``, ``empty_image``, ``image_too_large``, ``unsupported_format``,
            ``image_dimensions_too_large`` or ``mask_size_mismatch``, with the ``param``.
    """
    if request.task == "generate":
        return
    if request.image is None:
        raise InvalidRequest("There is no picture to work on: send the file 'image'.", param="image", code="missing_image")
    image = check_picture(request.image, "image", _IMAGE_FORMATS)
    if request.mask is None:
        return
    mask = check_picture(request.mask, "mask", _MASK_FORMATS)
    if (mask.width, mask.height) != (image.width, image.height):
        raise InvalidRequest(
            f"The mask has {mask.width}x{mask.height} pixels and the picture {image.width}x{image.height}; they must be alike.",
            param="mask",
            code="mask_size_mismatch",
        )


def check_picture(blob: Blob, param: str, formats: tuple[PictureFormat, ...]) -> PictureFacts:
    """Return the facts of one picture.

    Raises:
        InvalidRequest: As in ``check_pictures``.
    """
    size = blob.size_bytes
    if size == 0:
        raise InvalidRequest(f"The file '{param}' is empty: 0 bytes arrived.", param=param, code="empty_image")
    if size > MAX_PICTURE_BYTES:
        raise InvalidRequest(
            f"The file '{param}' has {size} bytes, and {MAX_PICTURE_BYTES} (4 MiB) are the most. Send a smaller one.",
            param=param,
            code="image_too_large",
        )
    data = blob.read()
    facts = picture_facts(data)
    names = ", ".join(each.upper() if each != "webp" else "WebP" for each in formats)
    if facts is None or facts.format not in formats:
        seen = f"a {facts.format.upper()}" if facts is not None else f"no picture: it begins with {data[:8]!r}"
        raise InvalidRequest(f"The file '{param}' is {seen}; expected one of: {names}.", param=param, code="unsupported_format")
    if facts.pixels > MAX_PIXELS:
        raise InvalidRequest(
            f"The file '{param}' claims {facts.width}x{facts.height} pixels, and {MAX_PIXELS} (4096x4096) are the most.",
            param=param,
            code="image_dimensions_too_large",
        )
    return facts
