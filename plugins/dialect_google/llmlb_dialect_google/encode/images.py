"""Images: inside the request, or named by an address that Google fetches itself."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from llmlb_core.errors import UnsupportedParameter

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)((?:;[\w.=+-]+)*),", re.IGNORECASE)
_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "heic": "image/heic", "heif": "image/heif",
    "gif": "image/gif",
}  # fmt: skip


def image_part(url: str) -> dict[str, Any]:
    """Return the part for *url*; base64 passes as it is.

    Raises:
        UnsupportedParameter: It is neither ``data:image/…;base64,…`` nor ``https:``.
    """
    if url[:5].lower() == "data:":
        head = _DATA_URL.match(url[:256])
        if head is not None and head[2].lower().endswith(";base64"):
            return {"inlineData": {"mimeType": head[1].lower(), "data": url[head.end() :]}}
        seen = url[:32]
    else:
        seen = url[:80].partition("?")[0]
        if url[:8].lower() == "https://":
            kind = _TYPES.get(urlsplit(url).path.rpartition(".")[2].lower())
            return {"fileData": {**({"mimeType": kind} if kind else {}), "fileUri": url}}
    raise UnsupportedParameter(
        f"The Gemini API takes no image such as '{seen}…'; expected 'data:image/…;base64,…' or an https address.", param="messages"
    )


def is_inline(part: dict[str, Any]) -> bool:
    """Whether an image is inside the request."""
    return "inlineData" in part
