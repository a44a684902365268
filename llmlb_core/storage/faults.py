"""From what a driver raises to one line that an operator can act on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from llmlb_core.errors import DatabaseUnusable, DataDirUnusable, StartError
from llmlb_core.storage.address import DatabaseAddress

_SQLITE_LINES = {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database. Move it away and start again, or name another in `[storage] database_url`.",
    sqlite3.SQLITE_CORRUPT: (
        "is damaged. Stop the server and put the newest `{name}.backup-…` beside it in its place, or move it away to start anew."
    ),
    sqlite3.SQLITE_BUSY: "is locked by another process. Stop that process (another llmlb, or a database tool) and start again.",
    sqlite3.SQLITE_LOCKED: "is locked by another process. Stop that process (another llmlb, or a database tool) and start again.",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full. Make room and start again.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk answers with an error. Look at the system's log.",
}
_SQLITE_ACCESS = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_POSTGRES_LINES = {
    "28P01": "refused the user or the password. Correct them in the database URL.",
    "28000": "refused the user. Correct the database URL, or the server's pg_hba.conf.",
    "3D000": "has no such database. Make it with `createdb`, or correct the database URL.",
    "42501": "does not let this user do that. Grant the user the right to create tables.",
    "53300": "has no free connection. Raise its max_connections, or stop other clients.",
    "57P03": "is starting or stopping. Try again in a moment.",
}


def explain(error: BaseException, address: DatabaseAddress, doing: str = "be opened") -> StartError:
    """Return the error to raise for *error*, which came from a driver or the operating system.

    Args:
        error: What was raised; it, what it wraps and what caused it are looked at.
        address: The database.
        doing: What could not be done with it, in the passive: "be opened".
    """
    for cause in _chain(error):
        if isinstance(cause, StartError):
            return cause
        if isinstance(cause, sqlite3.Error):
            return _of_sqlite(cause, address, doing)
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str) and state in _POSTGRES_LINES:
            return DatabaseUnusable(f"The database server at {address.shown} {_POSTGRES_LINES[state]}")
    if isinstance(error, TimeoutError):
        return DatabaseUnusable(f"The database at {address.shown} did not answer in time. Is the server up and reachable?")
    if address.engine == "postgres" and isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return DatabaseUnusable(f"No database server answers at {address.shown} ({address.clean(reason)}). Is it running?")
    return DatabaseUnusable(f"The database at {address.shown} cannot {doing}: {address.clean(_text(error))}.")


def _of_sqlite(error: sqlite3.Error, address: DatabaseAddress, doing: str) -> StartError:
    # The low byte is the primary code; the others only refine it.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = address.path.name if address.path else ""
    if code in _SQLITE_LINES:
        return DatabaseUnusable(f"The database file {address.shown} {_SQLITE_LINES[code].format(name=name)}")
    if code in _SQLITE_ACCESS:
        return DataDirUnusable(
            f"The database file {address.shown} cannot be opened for writing ({error}). "
            "Give this user the right to write there, or name another directory with LLMLB_DATA_DIR."
        )
    return DatabaseUnusable(f"The database at {address.shown} cannot {doing}: {address.clean(_text(error))}.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    # Tortoise wraps a driver's error as the only argument of its own.
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        item = todo.pop()
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            todo += [item.__context__, item.__cause__, *item.args]


def _text(error: BaseException) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
