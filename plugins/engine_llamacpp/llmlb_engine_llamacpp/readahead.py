"""Brings a file into the page cache."""

from __future__ import annotations

from pathlib import Path

from llmlb_core.errors import ModelFilesInvalid

_PIECE_BYTES = 8 * 1024 * 1024


def read_ahead(path: Path) -> None:
    """Read *path* once, so that loading it afterwards takes memory's time and not the disk's.

    xllamacpp holds the GIL while it loads; a worker that was silent for as long as a disk takes for a large model would be taken
    for hung. Reading here lets the worker's loop run.

    Raises:
        ModelFilesInvalid: The disk fails.
    """
    piece = bytearray(_PIECE_BYTES)
    try:
        with path.open("rb", buffering=0) as file:
            while file.readinto(piece):
                pass
    except OSError as error:
        raise ModelFilesInvalid(f"{path.name} cannot be read: {error.strerror or error}.") from error
