"""The same database in another process: what opens it there, handed over as one value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from tortoise.context import TortoiseContext

from llmlb_core.storage.address import DatabaseAddress
from llmlb_core.storage.apps import Apps
from llmlb_core.storage.connection import client, connect


class _Ticket(msgspec.Struct):
    path: str | None = None
    options: dict[str, str | int | None] | None = None


def ticket_of(context: TortoiseContext) -> bytes:
    """Return what ``connect_elsewhere`` takes. It holds the password."""
    config: dict[str, Any] = context.connections.db_config[client(context).connection_name]["credentials"]
    if "file_path" in config:
        return msgspec.msgpack.encode(_Ticket(path=config["file_path"]))
    # The limits of time are set anew by whoever connects.
    options = {name: value for name, value in config.items() if name not in ("timeout", "command_timeout")}
    return msgspec.msgpack.encode(_Ticket(options=options))


@asynccontextmanager
async def connect_elsewhere(ticket: bytes) -> AsyncIterator[TortoiseContext]:
    """Connect to the database of *ticket*, for plain SQL: no models, no migrations.

    Raises:
        DatabaseUnusable: It cannot be opened now.
    """
    told = msgspec.msgpack.decode(ticket, type=_Ticket)
    if told.path is not None:
        address = DatabaseAddress("sqlite", told.path, Path(told.path))
    else:
        address = DatabaseAddress("postgres", "postgres", options=told.options or {})
    async with connect(address, Apps(())) as context:
        yield context
