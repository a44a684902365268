"""What answers and the route of pictures share: a picture goes in, its URL comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from llmlb_core import Head
from llmlb_dialect_openai.pictures.address import PREFIX, base_url, check, sign, signing_key
from llmlb_dialect_openai.pictures.store import PictureStore
from llmlb_dialect_openai.settings import OpenAISettings


class Gallery:
    """The pictures of one server."""

    def __init__(self, data_dir: Path, settings: OpenAISettings | None = None) -> None:
        """Keep pictures and the key of their URLs below *data_dir*; nothing is touched before it is needed."""
        self._settings = settings or OpenAISettings()
        self._key_path = data_dir / "pictures" / "signing.key"
        self._key = b""
        self.store = PictureStore(data_dir / "pictures", self._settings)

    def open(self) -> None:
        """Make ready. Blocks."""
        self.store.open()
        self._signing_key()

    def publish(self, png: bytes, head: Head) -> str:
        """Keep *png* and return its URL for the client that sent *head*."""
        picture_id, expires_at = self.store.put(png)
        signature = sign(self._signing_key(), picture_id, expires_at)
        base = base_url(self._settings.public_url, head)
        return f"{base}{PREFIX}/{picture_id}.png?expires={expires_at}&signature={signature}"

    def check(self, picture_id: str, expires: str, signature: str) -> Literal["good", "forged", "expired"]:
        """Say what the parts of a URL are worth now."""
        return check(self._signing_key(), picture_id, expires, signature)

    def _signing_key(self) -> bytes:
        self._key = self._key or signing_key(self._key_path)
        return self._key
