"""Secrets in the database: AES-256-GCM under a key that is derived from a file which only this user can read.

The file is ``secret`` in the data directory, mode 600, made on first use. Whoever has the database alone has no secret; whoever
loses the file must give every secret again.
"""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from llmlb_core.errors import DataDirUnusable, LLMLBError
from llmlb_core.security.secrets import new_token, read_private, write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FILE_NAME = "secret"
_LEAST_LENGTH = 32
_MARK = "v1:"
_NONCE_BYTES = 12


class SecretUnreadable(LLMLBError):
    """A sealed secret cannot be opened: it was sealed with another secret file, or for something else, or is damaged."""


@frozen
class Vault:
    """Seals and opens small texts."""

    _master: bytes = field(repr=False)

    @classmethod
    def open(cls, data_dir: Path) -> Vault:
        """Read the secret file of *data_dir*, or make it; of several processes that make it, one wins and all use its file.

        Raises:
            DataDirUnusable: It cannot be read or made, or holds too little.
        """
        path = data_dir / FILE_NAME
        try:
            if not path.exists():
                with suppress(FileExistsError):
                    write_private(path, new_token("", 64) + "\n", replace=False)
            text = read_private(path).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise DataDirUnusable(
                f"The secret file {path} cannot be used ({reason}). Give this user the right to read it, or put its backup back."
            ) from error
        if len(text) < _LEAST_LENGTH:
            raise DataDirUnusable(
                f"The secret file {path} holds {len(text)} characters, expected {_LEAST_LENGTH} or more. Put its backup back; "
                "or remove it, and give the keys of endpoints again."
            )
        return cls(text.encode())

    def seal(self, text: str, context: str) -> str:
        """Return *text* sealed for *context*, such as ``endpoint:`` and an id: it cannot be opened as anything else's."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher().encrypt(nonce, text.encode(), context.encode())
        return _MARK + base64.b64encode(nonce + sealed).decode("ascii")

    def open_sealed(self, sealed: str, context: str) -> str:
        """Return the text.

        Raises:
            SecretUnreadable: See there; the message holds nothing of it.
        """
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(sealed.removeprefix(_MARK), validate=True)
            return self._cipher().decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            # `from None`: nothing of what was sealed may reach a traceback.
            raise SecretUnreadable(
                f"it was sealed with another secret file than the one named '{FILE_NAME}' in the data directory; give it again"
            ) from None

    def _cipher(self) -> AESGCM:
        # Imported here: most starts have no secret to open, and the library costs 40 ms.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"llmlb endpoint keys").derive(self._master)
        return AESGCM(key)
