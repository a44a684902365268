"""Keys of providers in the database, sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from attrs import field, frozen

from llmlb_core.storage.endpoint_rows import CloudKeyRow, RevisionRow
from llmlb_core.storage.rows import Database, F, in_transaction, utc_now

_SUBJECT = "clouds"


@frozen
class SealedKey:
    """One key.

    Attributes:
        id: What it was sealed for.
    """

    id: str
    sealed: str = field(repr=False)


@frozen
class CloudKeyStore:
    """Reads and changes them; a change moves the revision, which is how other processes hear of it.

    Methods raise what ``database_faults()`` names when the database is away.
    """

    _database: Database

    async def revision(self) -> int:
        """Return the number of changes so far."""
        with self._database.bound():
            row = await RevisionRow.get_or_none(subject=_SUBJECT)
        return 0 if row is None else row.revision

    async def load(self) -> Mapping[str, Sequence[SealedKey]]:
        """Return the keys by provider, in order of use."""
        with self._database.bound():
            rows = await CloudKeyRow.all().order_by("cloud", "place")
        found: dict[str, list[SealedKey]] = {}
        for row in rows:
            found.setdefault(row.cloud, []).append(SealedKey(row.id, row.sealed))
        return found

    async def write(self, cloud: str, keys: Sequence[SealedKey]) -> None:
        """Let *keys* be those of *cloud*; none = it has none here."""
        with self._database.bound():
            async with in_transaction():
                if not await RevisionRow.filter(subject=_SUBJECT).update(revision=F("revision") + 1):
                    await RevisionRow.create(subject=_SUBJECT, revision=1)
                await CloudKeyRow.filter(cloud=cloud).delete()
                now = utc_now()
                for place, key in enumerate(keys):
                    await CloudKeyRow.create(id=key.id, cloud=cloud, place=place, sealed=key.sealed, created_at=now)


def new_key_id() -> str:
    """Return an id to seal a key for."""
    return str(uuid4())
