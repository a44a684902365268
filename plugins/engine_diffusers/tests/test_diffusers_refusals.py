"""Calls of pictures that are wrong: each has its code, and the worker lives on."""

from __future__ import annotations

import io
from typing import Any

import httpx2
import pytest
from llmlb_testing.pictures import png, png_head
from llmlb_testing.server import LiveServer
from PIL import Image

TIMEOUT_S = 120.0
PROMPT = "a red circle on blue"


def clear(side: int) -> bytes:
    """Return a mask that is transparent everywhere."""
    file = io.BytesIO()
    Image.new("RGBA", (side, side)).save(file, "PNG")
    return file.getvalue()


WRONG_BODIES: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": None}, "missing_prompt", "prompt"),
    ({"prompt": " \n"}, "empty_prompt", "prompt"),
    ({"prompt": "x" * 4001}, "string_above_max_length", "prompt"),
    ({"prompt": 7}, "invalid_type", "prompt"),
    ({"model": None}, "missing_model", "model"),
    ({"n": 0}, "invalid_n", "n"),
    ({"n": 11}, "invalid_n", "n"),
    ({"n": "two"}, "invalid_n", "n"),
    ({"size": "123x456"}, "invalid_size", "size"),
    ({"size": "huge"}, "invalid_size", "size"),
    ({"size": "99999x99999"}, "invalid_size", "size"),
    ({"steps": 0}, "invalid_steps", "steps"),
    ({"steps": 101}, "invalid_steps", "steps"),
    ({"seed": -1}, "integer_below_min_value", "seed"),
    ({"quality": "best"}, "invalid_value", "quality"),
    ({"style": "cubist"}, "invalid_value", "style"),
    ({"response_format": "tiff"}, "invalid_value", "response_format"),
    ({"output_format": "webp"}, "unsupported_parameter", "output_format"),
    ({"background": "transparent"}, "unsupported_parameter", "background"),
]


@pytest.mark.parametrize(("change", "code", "param"), WRONG_BODIES)
def test_what_is_wrong_with_a_call_is_named(server: LiveServer, change: dict[str, Any], code: str, param: str):
    """400, the code of ae3f974e, and the parameter; the next call is served."""
    body = {"model": "tiny", "prompt": PROMPT, "size": "256x256", **change}

    got = httpx2.post(
        f"{server.url}/v1/images/generations",
        json={name: value for name, value in body.items() if value is not None},
        headers={"authorization": f"Bearer {server.key}"},
        timeout=TIMEOUT_S,
    )

    assert (400, code, param) == (got.status_code, got.json()["error"]["code"], got.json()["error"]["param"])


WRONG_FILES: list[tuple[dict[str, bytes], str, str]] = [
    ({}, "missing_image", "image"),
    ({"image": b""}, "empty_image", "image"),
    ({"image": b"this is a text file, called picture.png\n" * 20}, "unsupported_format", "image"),
    ({"image": b"GIF89a" + bytes([64, 0, 64, 0]) + bytes(100)}, "unsupported_format", "image"),
    ({"image": png(64, 64) + bytes(4 * 1024 * 1024)}, "image_too_large", "image"),
    ({"image": png_head(50_000, 50_000) + bytes(100)}, "image_dimensions_too_large", "image"),
    ({"image": png(64, 64)[:70]}, "corrupted_image", "image"),
    ({"image": png(64, 64), "mask": clear(32)}, "mask_size_mismatch", "mask"),
    ({"image": png(64, 64), "mask": png(64, 64)}, "invalid_mask", "mask"),
    ({"image": png(64, 64), "mask": b"not a mask"}, "unsupported_format", "mask"),
]


@pytest.mark.parametrize(("files", "code", "param"), WRONG_FILES)
def test_what_is_wrong_with_a_file_is_named(server: LiveServer, files: dict[str, bytes], code: str, param: str):
    """400 with its code, from what the file is and not from what it is called; the worker lives on (ae3f974e-F12)."""
    workers = server.children()

    got = httpx2.post(
        f"{server.url}/v1/images/edits",
        data={"model": "tiny", "prompt": PROMPT, "size": "256x256"},
        files={name: ("picture.png", data, "image/png") for name, data in files.items()} or {"other": ("a", b"x")},
        headers={"authorization": f"Bearer {server.key}"},
        timeout=TIMEOUT_S,
    )

    assert (400, code, param) == (got.status_code, got.json()["error"]["code"], got.json()["error"]["param"])
    assert workers == server.children()


def test_edits_are_squares(server: LiveServer):
    """A size of generations only is refused for edits, with those that are drawn."""
    got = httpx2.post(
        f"{server.url}/v1/images/variations",
        data={"model": "tiny", "size": "1792x1024"},
        files={"image": ("a.png", png(64, 64), "image/png")},
        headers={"authorization": f"Bearer {server.key}"},
        timeout=TIMEOUT_S,
    )

    assert (400, "invalid_size") == (got.status_code, got.json()["error"]["code"])
    assert "256x256, 512x512, 1024x1024, 32x32" in got.json()["error"]["message"]
