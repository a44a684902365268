"""Secrets on this machine: made, and kept in files that only this user can read.

Plugins may use ``new_token``, ``write_private`` and ``read_private``.
"""

from __future__ import annotations

import os
import secrets
import stat
import string
from pathlib import Path

_ALPHABET = string.ascii_letters + string.digits
_IS_POSIX = os.name == "posix"


def new_token(prefix: str, length: int = 32) -> str:
    """Return *prefix* and *length* random letters and digits: 5.95 bits each, 190 bits for 32."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write *text* to *path*, readable by this user only, whole or not at all.

    Raises:
        FileExistsError: It exists, and *replace* is false; of several writers exactly one wins.
        OSError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            # A link fails where the name is taken, and the content under it is complete from the first moment.
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_private(path: Path) -> str:
    """Return the text of *path*, and take away other users' rights to it where there were any.

    Raises:
        OSError: It cannot be read, or its rights cannot be mended.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if _IS_POSIX and mode & 0o077:
        path.chmod(0o600)
    return path.read_text(encoding="utf-8")
