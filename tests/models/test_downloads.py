"""Downloads: resumed, checked, and never half done under a file's own name."""

from __future__ import annotations

import asyncio

import pytest

from llmlb_core import ManifestFile
from llmlb_core.errors import DownloadFailed
from llmlb_core.models.downloads import Patience, download


async def test_a_file_arrives_whole_and_progress_is_told(toys, store, tmp_path):
    """Bytes, total and the final name are right; no part is left."""
    told = []

    await download(store, toys.manifest(), tmp_path, report=lambda done, total: told.append((done, total)), patience=toys.quick)

    assert toys.weights == (tmp_path / "toy.bin").read_bytes()
    assert ["toy.bin"] == [entry.name for entry in tmp_path.iterdir()]
    assert (len(toys.weights), len(toys.weights)) == told[-1]
    assert sorted(told) == told


async def test_a_broken_line_is_tried_again_from_where_it_stopped(toys, tmp_path):
    """Two retries, and no byte is asked for twice."""
    store = toys.Store(breaks_after=[3000, 2000])

    await download(store, toys.manifest(), tmp_path, patience=toys.quick)

    assert [0, 3000, 5000] == store.offsets
    assert toys.weights == (tmp_path / "toy.bin").read_bytes()


async def test_a_store_that_stays_broken_fails_and_the_part_is_kept(toys, tmp_path):
    """After the last retry the error says why, and the next attempt goes on from the part."""
    store = toys.Store(breaks_after=[1000, 1000, 1000])

    with pytest.raises(DownloadFailed, match="the line was cut"):
        await download(store, toys.manifest(), tmp_path, patience=toys.quick)

    assert not (tmp_path / "toy.bin").exists()
    await download(store, toys.manifest(), tmp_path, patience=toys.quick)
    assert [0, 1000, 2000, 3000] == store.offsets
    assert toys.weights == (tmp_path / "toy.bin").read_bytes()


async def test_a_cancelled_download_keeps_its_part(toys, tmp_path):
    """Cancelling ends it at once; what came is used the next time, and its hash is checked again."""
    came = asyncio.Event()
    store = toys.Store(on_piece=lambda start: came.set() if start >= 2000 else None)
    task = asyncio.create_task(download(store, toys.manifest(), tmp_path, patience=toys.quick))
    await asyncio.wait_for(came.wait(), 10)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    part_bytes = (tmp_path / "toy.bin.part").stat().st_size
    assert part_bytes >= 2000
    store.on_piece = None
    await download(store, toys.manifest(), tmp_path, patience=toys.quick)
    assert [0, part_bytes] == store.offsets
    assert toys.weights == (tmp_path / "toy.bin").read_bytes()


async def test_a_wrong_hash_installs_nothing(toys, tmp_path):
    """The file that came is not the one of the manifest: it is deleted, and both hashes are told."""
    store = toys.Store(content=b"X" * len(toys.weights))

    with pytest.raises(DownloadFailed, match=r"its sha256 is [0-9a-f]{64}, expected [0-9a-f]{64}"):
        await download(store, toys.manifest(), tmp_path, patience=toys.quick)

    assert [] == list(tmp_path.iterdir())


async def test_a_part_of_something_else_is_thrown_away_once(toys, store, tmp_path):
    """A part that does not lead to the right hash is fetched again from the start."""
    (tmp_path / "toy.bin.part").write_bytes(b"wrong" * 100)

    await download(store, toys.manifest(), tmp_path, patience=toys.quick)

    assert [500, 0] == store.offsets
    assert toys.weights == (tmp_path / "toy.bin").read_bytes()


async def test_a_store_that_sends_too_much_is_stopped(toys, tmp_path):
    """No more is read than the manifest says, whatever the store would send."""
    store = toys.Store(content=toys.weights * 50)

    with pytest.raises(DownloadFailed, match="it has more than the 10244 bytes"):
        await download(store, toys.manifest(), tmp_path, patience=toys.quick)

    assert [] == list(tmp_path.iterdir())


async def test_a_store_that_ends_early_says_both_numbers(toys, tmp_path):
    """A short file is a broken line, tried again and then told."""
    store = toys.Store(content=toys.weights[:1500])

    with pytest.raises(DownloadFailed, match="it ended after 1500 of 10244 bytes"):
        await download(store, toys.manifest(), tmp_path, patience=toys.quick)


async def test_a_silent_store_is_given_up(toys, tmp_path):
    """Every wait for bytes has a deadline."""

    class Silent(toys.Store):
        async def read(self, manifest, file, offset=0):
            await asyncio.Event().wait()
            yield b""

    with pytest.raises(DownloadFailed, match=r"nothing came for 0\.05 s"):
        await download(Silent(), toys.manifest(), tmp_path, patience=Patience(retry_waits_s=(), silence_s=0.05))


async def test_a_defect_of_a_store_is_named(toys, tmp_path):
    """A store is other people's code: the error says which and what."""

    class Defect(toys.Store):
        async def read(self, manifest, file, offset=0):
            raise KeyError("oops")
            yield b""

    with pytest.raises(DownloadFailed, match="the store 'toys' raised KeyError: 'oops'"):
        await download(Defect(), toys.manifest(), tmp_path, patience=toys.quick)


async def test_too_little_space_is_told_before_the_first_byte(toys, store, tmp_path):
    """Both numbers, and nothing is fetched."""
    manifest = toys.manifest(files=(ManifestFile("toy.bin", 10**18),))

    with pytest.raises(DownloadFailed, match=r"1000000000000000000 more bytes are needed, and \d+ are free"):
        await download(store, manifest, tmp_path, patience=toys.quick)

    assert [] == store.offsets


async def test_files_that_are_whole_are_not_fetched_again(toys, store, tmp_path):
    """A model of several files goes on with those that are missing."""
    manifest = toys.manifest(files=(toys.file_of("toy.bin"), toys.file_of("sub/b.bin")))
    (tmp_path / "toy.bin").write_bytes(toys.weights)

    await download(store, manifest, tmp_path, patience=toys.quick)

    assert [0] == store.offsets
    assert toys.weights == (tmp_path / "sub" / "b.bin").read_bytes()
