"""The images of a request as llama.cpp takes them: whole, of a format that it reads, not larger than projectors look at."""

from __future__ import annotations

import io
import warnings
from base64 import b64encode

from llmlb_core.errors import InvalidRequest

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_MAX_SIDE = 2048
"""Pixels; projectors cut or shrink what is larger, most of them from 336 to 1,540 on."""


def normalised(data: bytes) -> str:
    """Return *data*, an image file, as a PNG in base64; the first picture where it moves.

    llama.cpp itself reads neither WebP nor anything that is damaged: of that it would try whether some other program knows it.

    Raises:
        InvalidRequest: It cannot be decoded.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                picture.draft("RGB", (_MAX_SIDE, _MAX_SIDE))
                plain = picture.convert("RGBA").convert("RGB") if picture.mode in ("P", "LA", "PA") else picture.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidRequest(f"An image has too many pixels ({error}).", param="messages", code="image_too_large") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidRequest(
            f"An image cannot be decoded ({error}); is it whole?", param="messages", code="corrupted_image"
        ) from error
    plain.thumbnail((_MAX_SIDE, _MAX_SIDE))
    out = io.BytesIO()
    plain.save(out, "PNG", compress_level=1)
    return b64encode(out.getvalue()).decode()
