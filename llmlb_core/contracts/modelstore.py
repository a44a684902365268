"""Model stores and formats: where models come from, and what their headers say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from attrs import frozen

from llmlb_core.domain.models import Manifest, ManifestFile, ModelFacts

Report = Callable[[int, int | None], None]
"""Told of progress: bytes done, and bytes in all or None where nobody knows."""


@frozen(kw_only=True)
class BundleMember:
    """One model of a bundle.

    Attributes:
        reference: Whole, scheme included.
        what: What it does, in a word or two: ``chat``, ``speech to text``.
        format: What an engine must read to run it; empty = any engine may.
        size_bytes: What is fetched for it; 0 where it is here already.
        plugin: The distribution whose engine runs it; told to whoever has none that reads ``format``.
    """

    reference: str
    what: str = ""
    format: str = ""
    size_bytes: int = 0
    plugin: str = ""


class ModelStore(ABC):
    """Finds and reads models under one scheme, such as ``file:``.

    Attributes:
        scheme: Without the colon.
    """

    scheme: ClassVar[str]

    @abstractmethod
    async def resolve(self, reference: str, report: Report | None = None) -> Manifest:
        """Return the pinned manifest of *reference* (without its scheme).

        Args:
            reference: What the user wrote behind the colon.
            report: Called now and then by a store that must fetch a lot to know what there is.

        Raises:
            ModelUnknown: Nothing there by that name; says what would be.
            DownloadFailed: The store does not answer.
        """

    @abstractmethod
    def read(self, manifest: Manifest, file: ManifestFile, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of one file from *offset* on, in pieces of at most 1 MiB.

        Raises:
            DownloadFailed: It broke; the core tries again from where it stopped.
        """

    def in_place(self, manifest: Manifest) -> Path | None:
        """The directory where the files lie already and may be used without a copy; None = download them."""
        del manifest
        return None

    def release(self, manifest: Manifest) -> None:
        """Free what ``resolve`` or ``read`` kept: the model is installed, or was all along. Not called after a failure."""

    def bundles(self) -> Mapping[str, Sequence[str | BundleMember]]:
        """Name sets of models to install by one word, such as ``starter``.

        ``llmlb models add NAME`` looks in all stores and installs what they list under the name, stores in order of scheme.
        A member whose format no installed engine reads is passed over, and its plugin named. A plain string is a whole reference.
        """
        return {}


class ModelFormat(ABC):
    """Reads facts from the header of a model file, without loading it.

    Attributes:
        name: Such as ``gguf``.
        suffixes: File name endings, such as ``(".gguf",)``.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def read_facts(self, path: Path) -> ModelFacts:
        """Return what the header says; milliseconds, bounded memory.

        Raises:
            ModelFilesInvalid: Not such a file, or damaged; says what was seen.
        """
