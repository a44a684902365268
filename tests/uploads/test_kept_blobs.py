"""Files that this server writes itself, beside those of forms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from llmlb_core.errors import InvalidRequest, NoRoomForUpload
from llmlb_core.uploads.reader import MEMORY_BYTES, Uploads
from llmlb_core.uploads.spool import Spool

PIECE = b"x" * (256 * 1024)


@pytest.fixture
def spool(tmp_path) -> Spool:
    """One with room for three megabytes."""
    spool = Spool(tmp_path / "uploads", 3 * MEMORY_BYTES)
    spool.prepare()
    return spool


@pytest.fixture
async def uploads(spool):
    """What keeps files there; at the end nothing is left."""
    uploads = Uploads(spool)
    yield uploads
    await uploads.close()
    assert (0, 0, []) == (uploads.file_count, spool.held_bytes, list(spool.folder.iterdir()))


def pieces(count: int, error: Exception | None = None) -> Iterator[bytes]:
    """Yield *count* pieces, then raise *error*."""
    for _ in range(count):
        yield PIECE
    if error is not None:
        raise error


@pytest.mark.parametrize("count", [0, 4, 5])
async def test_what_is_large_goes_to_disk(uploads, spool, count):
    """More than a megabyte; both are read in the same way."""
    blob = await uploads.keep(count * len(PIECE), pieces(count))

    assert (count > 4, count * PIECE) == (blob.path is not None, blob.read())
    assert (count * len(PIECE) if count > 4 else 0) == spool.held_bytes
    uploads.drop([blob])


async def test_what_breaks_leaves_nothing(uploads):
    """The error is that of the pieces."""
    for count in (1, 8):
        with pytest.raises(InvalidRequest, match="no good"):
            await uploads.keep(count * len(PIECE), pieces(count, InvalidRequest("no good")))


async def test_the_disk_has_a_bound(uploads):
    """That of all uploads together (503)."""
    first = await uploads.keep(8 * len(PIECE), pieces(8))

    with pytest.raises(NoRoomForUpload, match="upload_disk_bytes"):
        await uploads.keep(8 * len(PIECE), pieces(8))

    uploads.drop([first])


async def test_a_disk_that_cannot_be_written_is_503(uploads, spool):
    """The folder is gone; the log says more than the client is told."""
    spool.folder.rmdir()

    with pytest.raises(NoRoomForUpload, match="could not be kept"):
        await uploads.keep(8 * len(PIECE), pieces(8))

    await uploads.close()
    spool.prepare()


async def test_who_leaves_while_it_is_written_leaves_nothing(uploads):
    """The thread is waited for: nothing is written to a file that is gone."""
    keeping = asyncio.create_task(uploads.keep(8 * len(PIECE), pieces(8)))
    await asyncio.sleep(0)

    keeping.cancel()

    with pytest.raises(asyncio.CancelledError):
        await keeping
