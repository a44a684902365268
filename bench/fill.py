"""Fills a data directory with thousands of keys and calls: ``python -m bench.fill FOLDER`` prints an administrator's key.

It is what ``peers.toml`` calls a ``key`` command, so that a server starts on a full database.
"""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from bench.errors import BenchError

KEYS, CALLS = 10_000, 20_000
_HISTORY = """
INSERT INTO storage_history_requests (id, started_at, duration_ms, queue_ms, principal, operation, model, endpoint, stream, status,
    ending, attempts, bytes_in, bytes_out, client_address)
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?)
SELECT 'req-' || i, ? - i * 1000, 10, 0, 'key:' || (i % 50), 'chat', 'model-' || (i % 20), 'fake-1', i % 2 = 0,
    CASE WHEN i % 100 = 0 THEN 502 ELSE 200 END, 'finished', 1, 928, 692, '127.0.0.1' FROM numbers
"""


def secret_of(number: int) -> str:
    """Return the key of this number; anybody can guess it, and it opens nothing but a scratch server."""
    return f"sk_{number:032d}"


def id_of(number: int) -> str:
    """Return the id of the key of this number."""
    return f"bench-{number:05d}"


def main() -> int:
    """Fill the folder that is named, print the key."""
    folder = Path(sys.argv[1])
    try:
        _llmlb("db", "migrate", folder=folder)
        key = _llmlb("keys", "create", "--name", "bench", "--scope", "admin", folder=folder)
        fill(folder / "llmlb.db")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(key)
    return 0


def fill(file: Path) -> None:
    """Add ``KEYS`` keys like the one that is there, and ``CALLS`` calls of the last hours.

    Raises:
        BenchError: The tables are not as they are known here.
    """
    database = sqlite3.connect(file)
    try:
        with database:
            one = database.execute("SELECT * FROM auth_apikey_keys LIMIT 1")
            columns = [column[0] for column in one.description]
            made = dict(zip(columns, one.fetchone(), strict=True))
            insert = f"INSERT INTO auth_apikey_keys ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"
            database.executemany(
                insert,
                (
                    {**made, "id": id_of(number), "name": id_of(number), "key_hash": _hash(number), "scopes": '["api"]'}
                    for number in range(KEYS)
                ),
            )
            database.execute(_HISTORY, (CALLS, int(time.time() * 1000)))
    except (sqlite3.Error, TypeError) as error:
        raise BenchError(f"the database cannot be filled; are its tables others now? {error}") from error
    finally:
        database.close()


def _hash(number: int) -> str:
    return hashlib.sha256(secret_of(number).encode()).hexdigest()


def _llmlb(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "llmlb_core", *arguments, "--data-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"llmlb {' '.join(arguments[:2])} failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
