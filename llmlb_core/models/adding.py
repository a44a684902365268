"""Adding a model: from a reference such as ``scheme:name`` to an installed model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal

from attrs import evolve, frozen

from llmlb_core.contracts.modelstore import BundleMember, ModelStore, Report
from llmlb_core.domain.models import Manifest
from llmlb_core.errors import DownloadFailed, LLMLBError, ModelFilesInvalid, ModelUnknown
from llmlb_core.models.downloads import Patience, download
from llmlb_core.models.installed import InstalledModels, damage
from llmlb_core.models.lock import hold
from llmlb_core.models.manifest import Installation, check_manifest
from llmlb_core.models.naming import check_alias, check_id


def _ignore(_text: str) -> None:
    """Say nothing."""


@frozen(kw_only=True)
class Wish:
    """What is to be installed, and how it is to be called.

    Attributes:
        reference: ``scheme:…``.
        name: The id to install it under; None = what the store says.
        aliases: Further names, besides those that the store gives.
    """

    reference: str
    name: str | None = None
    aliases: tuple[str, ...] = ()


@frozen
class Added:
    """What came of a wish.

    Attributes:
        outcome: ``added``; ``present`` when it was there and whole; ``renamed`` when only aliases are new.
    """

    installation: Installation
    outcome: Literal["added", "present", "renamed"]


@frozen(kw_only=True)
class Adding:
    """Installs models.

    Attributes:
        stores: By scheme.
        report: Told of bytes while something is fetched.
        say: Told what happens, a line each.
    """

    installed: InstalledModels
    stores: Mapping[str, ModelStore]
    report: Report | None = None
    say: Callable[[str], None] = _ignore
    patience: Patience = Patience()

    def references(self, word: str) -> tuple[str, ...]:
        """The references of ``members``."""
        return tuple(member.reference for member in self.members(word))

    def members(self, word: str) -> tuple[BundleMember, ...]:
        """What *word* stands for: itself where it is ``scheme:…``, else the members of that bundle, each once.

        Raises:
            ModelUnknown: No installed store knows the scheme or the bundle; says what there is.
        """
        scheme, colon, rest = word.partition(":")
        if colon and scheme.lower() in self.stores:
            if not rest:
                raise ModelUnknown(f"{word!r} names no model; expected something behind the colon")
            return (BundleMember(reference=f"{scheme.lower()}:{rest}"),)
        bundles: dict[str, dict[str, BundleMember]] = {}
        for _, store in sorted(self.stores.items()):
            for name, members in store.bundles().items():
                for each in members:
                    member = BundleMember(reference=each) if isinstance(each, str) else each
                    bundles.setdefault(name, {}).setdefault(member.reference, member)
        if word in bundles:
            return tuple(bundles[word].values())
        schemes = ", ".join(f"{known}:" for known in sorted(self.stores)) or "none"
        if colon:
            raise ModelUnknown(
                f"no installed plugin fetches {scheme + ':'!r} references; known are: {schemes}; "
                f"pip install llmlb-modelstore-{scheme.lower()} might add it"
            )
        bundle_names = ", ".join(sorted(bundles)) or "none"
        raise ModelUnknown(f"{word!r} is neither a bundle ({bundle_names}) nor a reference that begins with a scheme ({schemes})")

    async def add(self, wish: Wish) -> Added:
        """Install what *wish* says; when it is there already, check it and leave it.

        One process at a time adds a reference, the others wait and then find it there. Cancelling keeps parts for the next time.

        Raises:
            ModelUnknown: Nothing is there by that reference.
            ModelFilesInvalid: A name or the store's manifest is not safe, or the id is taken by another model.
            DownloadFailed: It could not be fetched whole.
        """
        (reference,) = self.references(wish.reference)
        name = check_id(wish.name) if wish.name is not None else None
        aliases = tuple(check_alias(alias) for alias in wish.aliases)
        self.installed.make(self.installed.root)
        async with self._lock(reference):
            present = self.installed.find_reference(reference)
            if present is not None and name in {None, present.manifest.id} and await self._is_whole(present):
                return self._present(present, aliases)
            store = self.stores[reference.partition(":")[0]]
            manifest = await self._resolve(store, reference)
            manifest = evolve(manifest, id=name or manifest.id, aliases=tuple(dict.fromkeys((*manifest.aliases, *aliases))))
            check_manifest(manifest)
            async with self._lock(manifest.id):
                return await self._install(store, manifest, aliases)

    def _lock(self, key: str) -> AbstractAsyncContextManager[None]:
        path = self.installed.lock_path(key)
        return hold(path, wait_s=self.patience.lock_wait_s, purpose=f"is adding {key}", on_wait=self.say)

    async def _resolve(self, store: ModelStore, reference: str) -> Manifest:
        try:
            return await store.resolve(reference.partition(":")[2], self.report)
        except LLMLBError:
            raise
        except Exception as error:  # a store is other people's code
            raise DownloadFailed(f"{reference} could not be looked up: the store raised {type(error).__name__}: {error}") from error

    async def _install(self, store: ModelStore, manifest: Manifest, aliases: tuple[str, ...]) -> Added:
        try:
            taken = self.installed.find(manifest.id)
        except ModelFilesInvalid:
            taken = None  # a damaged manifest is what adding again mends
        in_place = store.in_place(manifest)
        if taken is not None:
            if not _is_same(taken, manifest):
                raise ModelFilesInvalid(
                    f"the id {manifest.id!r} is taken by another model, from {taken.manifest.reference}; "
                    f"give another with --name, or first: llmlb models remove {manifest.id}"
                )
            if await self._is_whole(taken):
                store.release(manifest)
                return self._present(taken, aliases)
            manifest = evolve(manifest, aliases=tuple(dict.fromkeys((*taken.manifest.aliases, *manifest.aliases))))
        self.installed.check_place(manifest.id)
        if in_place is None:
            directory = self.installed.directory(manifest.id)
            self.installed.make(directory)
            await download(store, manifest, directory, report=self.report, patience=self.patience)
        installation = Installation(manifest, int(time.time()), str(in_place) if in_place is not None else None)
        self.installed.write(installation)
        store.release(manifest)
        return Added(installation, "added")

    async def _is_whole(self, installation: Installation) -> bool:
        """Whether every file is there, with the right size and hash."""
        directory = self.installed.files_directory(installation)
        for file in installation.manifest.files:
            reason = await asyncio.to_thread(damage, directory / file.name, file, read=True)
            if reason is not None:
                self.say(f"{installation.manifest.id} is installed, but {reason}; mending it")
                return False
        return True

    def _present(self, installation: Installation, aliases: tuple[str, ...]) -> Added:
        merged = tuple(dict.fromkeys((*installation.manifest.aliases, *aliases)))
        if merged == installation.manifest.aliases:
            return Added(installation, "present")
        renamed = evolve(installation, manifest=evolve(installation.manifest, aliases=merged))
        self.installed.write(renamed)
        return Added(renamed, "renamed")


def _is_same(installation: Installation, manifest: Manifest) -> bool:
    """Whether *manifest* is that model: by its reference, or by the hashes of all its files."""
    if installation.manifest.reference == manifest.reference:
        return True
    hashes = [{file.name: file.sha256 for file in one.files} for one in (installation.manifest, manifest)]
    return hashes[0] == hashes[1] and None not in hashes[0].values()
