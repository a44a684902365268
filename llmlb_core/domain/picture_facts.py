"""What the first bytes of a picture say: its format and its size, without decoding it.

A file that claims more pixels than anybody would send is refused by these numbers, before a decoder makes room for them. Layouts:
PNG (ISO/IEC 15948, chunk ``IHDR``), JPEG (ITU-T T.81, frame headers ``SOFn``), GIF89a, WebP (RFC 9649).
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

PictureFormat = Literal["png", "jpeg", "gif", "webp"]
FORMATS: tuple[PictureFormat, ...] = ("jpeg", "png", "gif", "webp")
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # of 0xC0 to 0xCF these three are tables and extensions
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


@frozen
class PictureFacts:
    """Format and size in pixels."""

    format: PictureFormat
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def picture_facts(data: bytes) -> PictureFacts | None:
    """Return what the head of *data* says; None where it is no picture of ``FORMATS``, or is cut before its size."""
    found = None
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        found = _png(data)
    elif data.startswith(b"\xff\xd8\xff"):
        found = _jpeg(data)
    elif data[:6] in (b"GIF87a", b"GIF89a"):
        found = _gif(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _webp(data)
    return found if found is not None and found.pixels > 0 else None


def _big(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "big")


def _little(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "little")


def _png(data: bytes) -> PictureFacts | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    return PictureFacts("png", _big(data, 16, 4), _big(data, 20, 4))


def _gif(data: bytes) -> PictureFacts | None:
    return PictureFacts("gif", _little(data, 6, 2), _little(data, 8, 2)) if len(data) >= 10 else None


def _jpeg(data: bytes) -> PictureFacts | None:
    """Walk the segments up to the first frame header."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _FRAMES:
            return PictureFacts("jpeg", _big(data, at + 7, 2), _big(data, at + 5, 2))
        else:
            length = _big(data, at + 2, 2)
            if length < 2 or marker == 0xDA:  # the picture itself, and no frame before it
                return None
            at += 2 + length
    return None


def _webp(data: bytes) -> PictureFacts | None:
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return PictureFacts("webp", _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = _little(data, 21, 4)
        return PictureFacts("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        return PictureFacts("webp", _little(data, 24, 3) + 1, _little(data, 27, 3) + 1)
    return None
