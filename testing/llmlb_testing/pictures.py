"""Small pictures, made by code."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

__all__ = ["PNG", "PNG_URL", "data_url", "png", "png_head"]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_head(width: int, height: int) -> bytes:
    """Return the head of a PNG of 8-bit RGB that claims a size, and nothing else of it."""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(width: int = 2, height: int = 2, colour: tuple[int, int, int] = (255, 0, 0)) -> bytes:
    """Return a PNG file of one colour."""
    rows = (b"\0" + bytes(colour) * width) * height
    return png_head(width, height) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def data_url(data: bytes, kind: str = "image/png") -> str:
    """Return *data* as a data URL."""
    return f"data:{kind};base64,{b64encode(data).decode()}"


PNG = png()
PNG_URL = data_url(PNG)
