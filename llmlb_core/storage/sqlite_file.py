"""The SQLite file itself: made, looked at, copied and put back. Everything here blocks; call it in a thread."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from llmlb_core.errors import DataDirUnusable

BUSY_TIMEOUT_S = 5.0
_BACKUP_COUNT = 3
# Up to here a whole check takes a few milliseconds, so every start does it; above, `llmlb db check` and migrations do.
_ALWAYS_CHECKED_BYTES = 16 * 1024 * 1024


def prepare(path: Path) -> None:
    """Make the file where there is none, and see that it is a sound database in WAL mode.

    Raises:
        DataDirUnusable: The directory cannot be made or written.
        sqlite3.Error: The file is no database, damaged or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Hashes of keys are in it: nobody else may read it. SQLite gives its -wal and -shm files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DataDirUnusable(
            f"The database file {path} cannot be opened for writing ({error.strerror}). "
            "Give this user the right to write there, or name another directory with LLMLB_DATA_DIR."
        ) from error
    with closing(_connect(path)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if path.stat().st_size <= _ALWAYS_CHECKED_BYTES:
            _quick_check(connection)
        # A file system without shared memory keeps its own mode; everything works there, with less concurrency.
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        # A file that is read-only by its mode or mount opens well and fails at the first write; find out now.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def integrity(path: Path) -> tuple[str, ...]:
    """Return what SQLite's full integrity check finds wrong; empty when the file is sound."""
    with closing(_connect(path, read_only=True)) as connection:
        lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
        broken = [
            f"row {row[1]} of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check").fetchmany(20)
        ]
    return tuple(line for line in lines if line != "ok") + tuple(broken)


def has_tables(path: Path) -> bool:
    """Whether the file holds anything worth a backup."""
    with closing(_connect(path, read_only=True)) as connection:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'tortoise_migrations'"
        return connection.execute(query).fetchone() is not None


def back_up(path: Path) -> Path:
    """Copy the database, with what is still in its WAL, beside itself; keep the newest three copies.

    The copy appears under its name only when it is complete and on disk.
    """
    backup = path.with_name(f"{path.name}.backup-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    partial = backup.with_name(backup.name + ".partial")
    for leftover in path.parent.glob(f"{path.name}.backup-*.partial*"):
        leftover.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_connect(path, read_only=True)) as source, closing(_connect(partial)) as copy:
        source.backup(copy)
        # The copied header says WAL; a backup is one file.
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.rename(backup)
    for old in backups(path)[:-_BACKUP_COUNT]:
        old.unlink(missing_ok=True)
    return backup


def size_bytes(path: Path) -> int:
    """Return the size of the database with its WAL."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def backups(path: Path) -> list[Path]:
    """Return the complete backups of *path*, oldest first."""
    found = path.parent.glob(f"{path.name}.backup-*")
    return sorted(file for file in found if not file.name.endswith((".partial", "-journal", "-wal", "-shm")))


def put_back(backup: Path, path: Path) -> None:
    """Replace the content of *path* by that of *backup*, in one step that readers never see half done."""
    with closing(_connect(backup, read_only=True)) as source, closing(_connect(path)) as target:
        source.backup(target)


def fingerprint(path: Path) -> tuple[tuple[str, str], ...]:
    """Return every table and index with its definition, to see whether two moments have the same schema."""
    with closing(_connect(path, read_only=True)) as connection:
        rows = connection.execute("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name").fetchall()
    return tuple((str(name), str(sql)) for name, sql in rows)


def _quick_check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        error = sqlite3.DatabaseError(str(found))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    if read_only:
        # Not mode=ro: a reader of a WAL database must be able to write the shared-memory file.
        connection.execute("PRAGMA query_only=ON")
    return connection
