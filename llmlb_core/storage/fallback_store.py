"""Fallback models in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from attrs import frozen

from llmlb_core.storage.endpoint_rows import FallbackRow
from llmlb_core.storage.rows import Database, in_transaction


@frozen
class FallbackStore:
    """Reads and changes what may stand in for models; raises what ``database_faults()`` names when the database is away."""

    _database: Database

    async def load(self) -> Mapping[str, tuple[str, ...]]:
        """Return the names by model; a row that somebody wrote by hand and cannot be read counts as none."""
        with self._database.bound():
            rows = await FallbackRow.all().order_by("model")
        return {row.model: names for row in rows if (names := _names(row.names))}

    async def write(self, model: str, names: Sequence[str]) -> None:
        """Keep *names* for *model*; none = forget it."""
        with self._database.bound():
            async with in_transaction():
                await FallbackRow.filter(model=model).delete()
                if names:
                    await FallbackRow.create(model=model, names=msgspec.json.encode(list(names)).decode())


def _names(text: str) -> tuple[str, ...]:
    try:
        return tuple(msgspec.json.decode(text, type=list[str]))
    except msgspec.MsgspecError:
        return ()
