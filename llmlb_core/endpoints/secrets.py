"""Keys of servers: found where settings say, never kept anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.sections import SecretReference


def read_secret(reference: SecretReference | None, folder: Path, environ: Mapping[str, str]) -> str | None:
    """Return the secret that *reference* names; None where there is no reference.

    Args:
        reference: A variable or a file.
        folder: Where relative paths start.
        environ: Environment variables.

    Raises:
        SettingsInvalid: It is not there, or cannot be sent in a header; says where it was looked for.
    """
    if reference is None:
        return None
    if reference.env is not None:
        where = f"the environment variable {reference.env}"
        secret = environ.get(reference.env, "").strip()
    else:
        path = folder / (reference.file or "")
        where = f"the file {path}"
        try:
            secret = path.read_bytes().decode("ascii").strip()
        except OSError as error:
            raise SettingsInvalid(f"cannot be read from {where}: {error.strerror}") from error
        except UnicodeDecodeError:
            secret = "\0"  # noqa: S105  # refused below
    if not secret:
        raise SettingsInvalid(f"is to be found in {where}, which is {'not set' if reference.env else 'empty'}")
    if any(not 33 <= ord(character) <= 126 for character in secret):
        raise SettingsInvalid(f"is to be found in {where}, which holds blanks or characters that no key has")
    return secret
