"""Secrets on this machine: made, compared, and kept in files that only this user can read.

Plugins may use ``new_token``, ``same_secret``, ``write_private`` and ``read_private``.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import stat
import string
from pathlib import Path

from llmlb_core.errors import DataDirUnusable

_ALPHABET = string.ascii_letters + string.digits
_SECRET_FILE = "secret"  # noqa: S105  # a file name
_IS_POSIX = os.name == "posix"


def new_token(prefix: str, length: int = 32) -> str:
    """Return *prefix* and *length* random letters and digits: 5.95 bits each, 190 bits for 32."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def same_secret(one: str, other: str) -> bool:
    """Whether both are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def installation_secret(data_dir: Path) -> str:
    """Return this installation's secret from ``<data_dir>/secret``, made at the first call.

    Raises:
        DataDirUnusable: The file cannot be read or made, or is empty.
    """
    path = data_dir / _SECRET_FILE
    try:
        with contextlib.suppress(FileExistsError):
            write_private(path, secrets.token_urlsafe(48) + "\n", replace=False)
        value = read_private(path).strip()
    except OSError as error:
        raise DataDirUnusable(f"The secret file {path} cannot be read or made ({error.strerror}).") from error
    if len(value) < 32:
        raise DataDirUnusable(f"The secret file {path} has fewer than 32 characters. Put its backup in place, or delete it.")
    return value


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
