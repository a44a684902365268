"""URLs of pictures: signed, so that they need no API key, and good until a stated time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from pathlib import Path
from typing import Literal

from llmlb_core import Head, read_private, write_private

PREFIX = "/v1/images/files"
_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]{1,255}")


def signing_key(path: Path) -> bytes:
    """Return the key that lies at *path*, made on first use.

    Raises:
        OSError: It can neither be read nor written.
    """
    try:
        return bytes.fromhex(read_private(path))
    except (FileNotFoundError, ValueError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = secrets.token_bytes(32)
        write_private(path, key.hex())
        return key


def sign(key: bytes, picture_id: str, expires_at: int) -> str:
    """Return the signature of one picture's URL."""
    digest = hmac.digest(key, f"{picture_id}:{expires_at}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check(key: bytes, picture_id: str, expires: str, signature: str) -> Literal["good", "forged", "expired"]:
    """Say what the parts of a URL are worth now."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15):
        return "forged"
    wanted = sign(key, picture_id, int(expires))
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        return "forged"
    return "good" if time.time() < int(expires) else "expired"


def base_url(public_url: str, head: Head) -> str:
    """Return what the URLs of an answer begin with: as settings say, else where the call itself was sent.

    A server behind TLS of its own has to be told by settings; one behind a proxy learns it from ``x-forwarded-proto``.
    """
    if public_url:
        return public_url.rstrip("/")
    host = head.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return ""
    scheme = "https" if head.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower() == "https" else "http"
    return f"{scheme}://{host}"
