"""What the first bytes of a picture tell."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.domain.picture_facts import PictureFacts, picture_facts

# Heads of pictures of 3 × 2 and of 300 × 200 pixels, by the layouts of their formats.
GIF = base64.b64decode("R0lGODlhAwACAIAAAP8AAAAAACwAAAAAAwACAAACA4SPBQA7")
JPEG_HEAD = (
    b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9) + b"\xff\xdb" + struct.pack(">H", 67) + bytes(65) + b"\xff"
)
SOF = b"\xc0" + struct.pack(">HBHHB", 17, 8, 200, 300, 3) + bytes(9)
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 3, 2) + bytes(5)
LOSSY = b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", 300 | 0x4000, 200)
LOSSLESS = b"RIFF" + bytes(4) + b"WEBPVP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 299 | 199 << 14) + bytes(8)
EXTENDED = b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + (299).to_bytes(3, "little") + (199).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (PNG, PictureFacts("png", 3, 2)),
        (GIF, PictureFacts("gif", 3, 2)),
        (JPEG_HEAD + SOF, PictureFacts("jpeg", 300, 200)),
        (LOSSY + bytes(8), PictureFacts("webp", 300, 200)),
        (LOSSLESS, PictureFacts("webp", 300, 200)),
        (EXTENDED, PictureFacts("webp", 300, 200)),
    ],
    ids=["png", "gif", "jpeg", "webp-lossy", "webp-lossless", "webp-extended"],
)
def test_the_head_of_a_picture_tells_its_size(data: bytes, facts: PictureFacts) -> None:
    """Without decoding: width before height, whatever order the format has."""
    assert picture_facts(data) == facts


@pytest.mark.parametrize("data", [b"", b"hello", PNG[:20], GIF[:8], JPEG_HEAD[:30], b"II*\x00" + bytes(60), PNG[:16] + bytes(16)])
def test_what_is_no_picture_or_has_no_size_tells_nothing(data: bytes) -> None:
    """Text, cut heads, TIFF (e03a404c names it as one to refuse), and a picture of no pixels."""
    assert picture_facts(data) is None


@given(st.sampled_from([PNG[:8], b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "]), st.binary(max_size=200))
def test_any_bytes_behind_a_signature_are_read_or_refused(signature: bytes, rest: bytes) -> None:
    """Nothing is raised, and whatever is told has pixels."""
    facts = picture_facts(signature + rest)

    assert facts is None or facts.pixels > 0
