"""The kit for model stores."""

from __future__ import annotations

import hashlib
import inspect
import re
from pathlib import PurePosixPath
from typing import ClassVar

import attrs
import pytest

from llmlb_core import Manifest, ManifestFile, ModelStore
from llmlb_core.errors import DownloadFailed, ModelError
from llmlb_testing.nasty import STRINGS

PIECE_BYTES = 1 << 20


class ModelStoreContract:
    """Rules of ``llmlb_core.ModelStore``.

    Needs the fixtures ``store``, new for each test, and ``reference``: what a user writes behind the colon for a small model that
    is there. Serve it from this machine, so that the tests need no network.

    Attributes:
        unknown_references: Names of nothing.
    """

    unknown_references: ClassVar[tuple[str, ...]] = ("no-such-model-anywhere", "no/such/model", *STRINGS)

    def test_its_scheme_is_a_word(self, store: ModelStore) -> None:
        """It stands before the colon: lower case, without it."""
        assert re.fullmatch(r"[a-z][a-z0-9_.\-]*", store.scheme), f"scheme is {store.scheme!r}"

    @pytest.mark.asyncio
    async def test_a_manifest_says_what_to_fetch(self, store: ModelStore, reference: str) -> None:
        """A lower-case id, the scheme in the reference, and the main file among the files."""
        manifest = await store.resolve(reference)

        assert isinstance(manifest, Manifest)
        assert manifest.id
        assert manifest.id == manifest.id.lower()
        assert manifest.reference.startswith(f"{store.scheme}:")
        assert manifest.format
        assert manifest.main in [file.name for file in manifest.files]

    @pytest.mark.asyncio
    async def test_names_stay_inside_the_model(self, store: ModelStore, reference: str) -> None:
        """Files are written by these names: relative, no ``..``, no NUL, no drive, no backslash, none twice."""
        names = [file.name for file in (await store.resolve(reference)).files]

        assert len(set(names)) == len(names)
        for name in names:
            path = PurePosixPath(name)
            assert name
            assert not path.is_absolute()
            assert ".." not in path.parts
            assert not set(name) & {"\0", "\\", ":"}, f"{name!r} has a character that no file name may have"

    @pytest.mark.asyncio
    async def test_a_manifest_is_pinned(self, store: ModelStore, reference: str) -> None:
        """Asking again, or asking for what the manifest refers to, gives the same files."""
        first = await store.resolve(reference)
        again = await store.resolve(reference)
        named = await store.resolve(first.reference.removeprefix(f"{store.scheme}:"))

        assert first.files == again.files == named.files
        assert first.revision == again.revision == named.revision

    @pytest.mark.asyncio
    async def test_every_file_reads_as_the_manifest_says(self, store: ModelStore, reference: str) -> None:
        """In pieces of at most 1 MiB; size and hash as told."""
        manifest = await store.resolve(reference)

        for file in manifest.files:
            pieces = await _pieces(store, manifest, file)
            data = b"".join(pieces)
            assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces), f"a piece has {max(map(len, pieces))} bytes"
            assert file.size_bytes in {None, len(data)}
            assert file.sha256 in {None, hashlib.sha256(data).hexdigest()}

    @pytest.mark.asyncio
    async def test_reading_goes_on_where_it_stopped(self, store: ModelStore, reference: str) -> None:
        """A download that broke is resumed; what is there already is never fetched, or written, twice."""
        manifest = await store.resolve(reference)
        file = next(file for file in manifest.files if file.name == manifest.main)
        whole = b"".join(await _pieces(store, manifest, file))

        for offset in (1, len(whole) // 2, len(whole) - 1, len(whole)):
            assert b"".join(await _pieces(store, manifest, file, offset)) == whole[offset:]

    @pytest.mark.asyncio
    async def test_a_reader_may_stop_early(self, store: ModelStore, reference: str) -> None:
        """``aclose`` after the first piece: a user who presses Ctrl-C; the next reader gets everything."""
        manifest = await store.resolve(reference)
        file = next(file for file in manifest.files if file.name == manifest.main)

        pieces = store.read(manifest, file)
        assert inspect.isasyncgen(pieces), "read is not an async generator; closing it frees what it opened"
        await anext(pieces)
        await pieces.aclose()

        assert await _pieces(store, manifest, file)

    @pytest.mark.asyncio
    async def test_what_is_not_there_is_told(self, store: ModelStore) -> None:
        """A ``ModelError`` with a sentence for every reference that means nothing; never another error."""
        for reference in self.unknown_references:
            with pytest.raises(ModelError) as caught:
                await store.resolve(reference)
            assert caught.value.message.strip()

    @pytest.mark.asyncio
    async def test_a_file_that_is_gone_is_a_failed_download(self, store: ModelStore, reference: str) -> None:
        """``DownloadFailed``: the core tries again, or tells the user; anything else would be a defect of ours."""
        manifest = await store.resolve(reference)
        gone = attrs.evolve(manifest.files[0], name="gone.bin", source="gone")

        with pytest.raises(DownloadFailed):
            await _pieces(store, manifest, gone)

    @pytest.mark.asyncio
    async def test_files_in_place_are_there(self, store: ModelStore, reference: str) -> None:
        """A directory from ``in_place`` is used without a copy, so it must hold every file."""
        manifest = await store.resolve(reference)

        directory = store.in_place(manifest)

        if directory is not None:
            assert [file.name for file in manifest.files if not (directory / file.name).is_file()] == []

    @pytest.mark.asyncio
    async def test_progress_is_told_in_numbers(self, store: ModelStore, reference: str) -> None:
        """``report(done, total)``: bytes, growing, total or None."""
        told: list[tuple[int, int | None]] = []

        await store.resolve(reference, lambda done, total: told.append((done, total)))

        assert all(isinstance(done, int) and done >= 0 and (total is None or total >= 0) for done, total in told)

    @pytest.mark.asyncio
    async def test_it_resolves_again_after_a_release(self, store: ModelStore, reference: str) -> None:
        """``release`` frees what was kept for this installation, no more; a second one is harmless."""
        manifest = await store.resolve(reference)

        store.release(manifest)
        store.release(manifest)

        assert (await store.resolve(reference)).files == manifest.files

    def test_bundles_are_whole_references(self, store: ModelStore) -> None:
        """``llmlb models add NAME`` installs them as if they were written: with a scheme."""
        for name, members in store.bundles().items():
            references = [member if isinstance(member, str) else member.reference for member in members]
            assert name
            assert references
            assert all(":" in reference for reference in references)


async def _pieces(store: ModelStore, manifest: Manifest, file: ManifestFile, offset: int = 0) -> list[bytes]:
    return [piece async for piece in store.read(manifest, file, offset)]
