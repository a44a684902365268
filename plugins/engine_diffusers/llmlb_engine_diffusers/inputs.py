"""Pictures in and out: uploads as the pipeline wants them, results as PNG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from llmlb_core import Blob
from llmlb_core.errors import InvalidRequest

if TYPE_CHECKING:
    from PIL.Image import Image


def open_picture(blob: Blob, param: str) -> Image:
    """Decode an upload whose head the harness has looked at, turned as its camera says.

    Raises:
        InvalidRequest: It is damaged behind its head.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(blob.read()), formats=("PNG", "JPEG", "WEBP"))
        picture.load()
        return ImageOps.exif_transpose(picture)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        said = " ".join(str(error).split())[:120]
        raise InvalidRequest(
            f"The file '{param}' begins like a picture and cannot be decoded: {said}. Save it again, and send it whole.",
            param=param,
            code="corrupted_image",
        ) from error


def as_rgb(picture: Image) -> Image:
    """Return *picture* without transparency: what is behind it is white."""
    from PIL import Image

    if picture.has_transparency_data:
        whole = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    return picture.convert("RGB")


def as_mask(picture: Image) -> Image:
    """Return where a picture may change (255) and where not (0): what of *picture* is transparent.

    Raises:
        InvalidRequest: Nothing of it is.
    """
    alpha = picture.convert("RGBA").getchannel("A")
    mask = alpha.point(lambda value: 255 if value < 128 else 0)
    if mask.getbbox() is None:
        raise InvalidRequest(
            "The mask has no transparent pixel, so nothing would change: make it transparent where the picture may change.",
            param="mask",
            code="invalid_mask",
        )
    return mask


def fitted(picture: Image, size: tuple[int, int]) -> Image:
    """Return *picture* at *size*, cut at its longer sides where the shape is another."""
    from PIL import Image, ImageOps

    if picture.size == size:
        return picture
    method = Image.Resampling.NEAREST if picture.mode == "L" else Image.Resampling.LANCZOS
    return ImageOps.fit(picture, size, method)


def scaled(picture: Image, size: tuple[int, int]) -> Image:
    """Return *picture* at *size*."""
    from PIL import Image

    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def as_png(picture: Image) -> bytes:
    """Return the file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
