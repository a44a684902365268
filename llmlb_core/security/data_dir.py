"""The data directory: everything that one server keeps."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from llmlb_core.errors import DataDirUnusable

_IS_POSIX = os.name == "posix"


def prepare_data_dir(path: Path) -> None:
    """Make the data directory where there is none, readable by this user only, and see that it can be written.

    A directory that exists keeps its mode, unless others may write to it: who can replace the database owns the server.

    Raises:
        DataDirUnusable: It cannot be made or written, or is not a directory; with the next step.
    """
    step = "Give this user the right to write there, or name another directory with LLMLB_DATA_DIR."
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = stat.S_IMODE(path.stat().st_mode)
        if _IS_POSIX and mode & stat.S_IWOTH:
            path.chmod(mode & ~stat.S_IWOTH)
        probe = path / f".writable-{os.getpid()}-{secrets.token_hex(4)}"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        probe.unlink()
    except FileExistsError as error:
        raise DataDirUnusable(f"The data directory {path} is a file. Move it away, or set LLMLB_DATA_DIR.") from error
    except NotADirectoryError as error:
        raise DataDirUnusable(f"A part of the path of the data directory {path} is a file. Set LLMLB_DATA_DIR.") from error
    except OSError as error:
        raise DataDirUnusable(f"The data directory {path} cannot be written ({error.strerror}). {step}") from error
