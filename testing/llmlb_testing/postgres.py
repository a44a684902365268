"""A real PostgreSQL server for tests, started from the programs on this machine, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from attrs import frozen

MISSING = "PostgreSQL's server programs are not on this machine: apt-get install postgresql"
USER = "llmlb_test"
PASSWORD = "p@ss/w:rd%41"  # noqa: S105  # of a server that lives for one test run; every character that URLs find hard
_PASSWORD_IN_URL = "p%40ss%2Fw%3Ard%2541"  # noqa: S105
_READY = b"database system is ready to accept connections"
_START_TIMEOUT_S = 60.0


def find_programs() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``, or None: the test then skips with ``MISSING``."""
    # Debian keeps them off the path, one folder a version; the newest wins.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[4].zfill(4), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).parent)
    return next((folder for folder in folders if all((folder / name).exists() for name in ("initdb", "postgres", "psql"))), None)


@frozen
class PostgresServer:
    """A running server.

    Attributes:
        folder: Where its socket and data are.
        programs: Where its programs are.
    """

    folder: Path
    programs: Path

    def url(self, database: str = "postgres") -> str:
        """Return the URL of *database*, with the password in it."""
        return f"postgres://{USER}:{_PASSWORD_IN_URL}@/{database}?host={self.folder}"

    def create_database(self) -> str:
        """Make an empty database; return its URL."""
        name = f"test_{uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one statement with psql; return what it prints, unaligned and without headers."""
        psql = self.programs / "psql"
        command = [str(psql), "-h", str(self.folder), "-U", USER, "-d", database, "-v", "ON_ERROR_STOP=1", "-Atc", statement]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """Start a server with an empty cluster, and end it with everything it wrote.

    It never runs as root, which PostgreSQL refuses: a root test run lends it the user ``postgres`` or ``nobody``.
    """
    # Not pytest's tmp_path: another user could not enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="llmlb-pg-"))
    user = _other_user()
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        _run_initdb(programs, folder, user)
        options = ["-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"]
        process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(folder / "data"), *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            **_as(user),
        )
        try:
            _wait_until_ready(process)
            yield PostgresServer(folder, programs)
        finally:
            process.send_signal(signal.SIGINT)  # disconnects clients, then ends
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_initdb(programs: Path, folder: Path, user: pwd.struct_passwd | None) -> None:
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    if user is not None:
        os.chown(password_file, user.pw_uid, user.pw_gid)
    command = [
        str(programs / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        USER,
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
    ]
    command += ["--no-sync", "--encoding=UTF8", "--locale=C"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=folder, **_as(user))


def _wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    ready = threading.Event()
    lines: list[bytes] = []

    def read() -> None:
        # To the end: a pipe that nobody empties would stop the server.
        assert process.stderr is not None
        with process.stderr as stream:
            for line in stream:
                if not ready.is_set():
                    lines.append(line)
                if _READY in line:
                    ready.set()

    threading.Thread(target=read, name="postgres log", daemon=True).start()
    if not ready.wait(_START_TIMEOUT_S):
        process.kill()
        raise RuntimeError(f"PostgreSQL did not start: {b''.join(lines)[-2000:].decode(errors='replace')}")


def _other_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to lend it")


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
