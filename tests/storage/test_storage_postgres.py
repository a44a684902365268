"""The same storage on a real PostgreSQL server."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys

import pytest
from attrs import evolve
from llmlb_testing.postgres import PASSWORD

from llmlb_core.errors import DatabaseUnusable
from llmlb_core.settings.sections import StorageSettings
from llmlb_core.storage import connection
from llmlb_core.storage.check import check_storage
from llmlb_core.storage.setup import open_storage

pytestmark = pytest.mark.postgres

OPEN = """
import asyncio, os, sys
from pathlib import Path
from llmlb_core import StorageApp
from llmlb_core.settings.sections import Settings, StorageSettings
from llmlb_core.storage.setup import open_storage

async def main(package):
    app = StorageApp("toy", f"{package}.rows", f"{package}.migrations")
    settings = Settings(data_dir=Path("unused"), storage=StorageSettings(database_url=os.environ["URL"]))
    async with open_storage(settings, [app]) as storage:
        print(*storage.upgrade.applied)

asyncio.run(main(*sys.argv[1:]))
"""
ADD_COLUMN = 'ops.AddField("Shelf", "colour", fields.CharField(max_length=20, null=True)),'


def open_in_process(settings, toy) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(toy.folder.parent), "URL": settings.storage.database_url}
    command = [sys.executable, "-B", "-c", OPEN, toy.package]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_server_database_is_migrated_and_keeps_rows(postgres_settings, toy):
    """A PostgreSQL database is migrated at the first start and found at the second; no file is made."""
    async with open_storage(postgres_settings, [toy.app]) as storage:
        await toy.rows().Shelf.create(name="novels")
        assert ("toy.m0001_initial",) == storage.upgrade.applied

    async with open_storage(postgres_settings, [toy.app]) as storage:
        assert () == storage.upgrade.applied
        assert 1 == await toy.rows().Shelf.all().count()

    assert not postgres_settings.data_dir.exists()


async def test_failed_migration_is_rolled_back_on_the_server(postgres_settings, toy):
    """Of two pending migrations the second fails: the first is undone with it."""
    async with open_storage(postgres_settings, [toy.app]):
        pass
    toy.add_migration("m0002_colour", operations=ADD_COLUMN)
    toy.add_migration("m0003_bad", "raise ValueError('no')", after="m0002_colour")

    with pytest.raises(DatabaseUnusable, match=r"toy\.m0003_bad failed \(ValueError: no\)"):
        async with open_storage(postgres_settings, [toy.app]):
            pass

    report = await check_storage(postgres_settings, [toy.app])
    assert ("toy.m0002_colour", "toy.m0003_bad") == report.pending


async def test_concurrent_starts_on_the_server_migrate_once(postgres_settings, toy):
    """Five processes on one empty database all succeed; the advisory lock lets one migrate."""
    processes = [open_in_process(postgres_settings, toy) for _ in range(5)]

    answers = await asyncio.gather(*(asyncio.to_thread(process.communicate, timeout=120) for process in processes))

    assert [0] * 5 == [process.returncode for process in processes], answers
    assert ["toy.m0001_initial"] == [out.strip() for out, _ in answers if out.strip()]


async def test_kill_in_the_middle_of_a_server_migration_leaves_the_old_schema(postgres_settings, toy):
    """The server rolls back what a killed client began; the next start goes through."""
    async with open_storage(postgres_settings, [toy.app]):
        pass
    toy.add_migration("m0002_killed", "os.kill(os.getpid(), signal.SIGKILL)", operations=ADD_COLUMN)

    process = open_in_process(postgres_settings, toy)
    process.communicate(timeout=60)

    assert -signal.SIGKILL == process.returncode
    toy.remove_migration("m0002_killed")
    toy.add_migration("m0002_mended", operations=ADD_COLUMN)
    async with open_storage(postgres_settings, [toy.app]) as storage:
        assert ("toy.m0002_mended",) == storage.upgrade.applied


async def test_check_reports_a_server_database(postgres_settings, toy):
    """``llmlb db check`` knows the size and what is pending, and changes nothing."""
    before = await check_storage(postgres_settings, [toy.app])
    async with open_storage(postgres_settings, [toy.app]):
        pass
    after = await check_storage(postgres_settings, [toy.app])

    assert (("toy.m0001_initial",), ()) == (before.pending, after.pending)
    assert () == after.problems
    assert after.size_bytes > 0


async def test_wrong_password_is_one_line_without_it(postgres_settings, toy, caplog):
    """The server's refusal is explained; neither password is in the error, its causes or the log."""
    caplog.set_level(logging.DEBUG)
    url = postgres_settings.storage.database_url.replace("p%40ss", "wrongpass")
    wrong = evolve(postgres_settings, storage=StorageSettings(database_url=url))

    with pytest.raises(DatabaseUnusable, match="refused the user or the password") as caught:
        async with open_storage(wrong, [toy.app]):
            pass

    assert "wrongpass" not in repr(caught.value) + caplog.text
    assert PASSWORD not in caplog.text


async def test_no_password_reaches_the_log_of_a_good_start(postgres_settings, toy, caplog):
    """Even at level debug, where the drivers write every statement and parameter."""
    caplog.set_level(logging.DEBUG)

    async with open_storage(postgres_settings, [toy.app]) as storage:
        await toy.rows().Shelf.create(name="novels")
        shown = repr(storage)

    assert PASSWORD not in caplog.text + shown
    assert "p%40ss" not in caplog.text + shown


async def test_missing_database_says_createdb(postgres_settings, toy):
    """A database that is not there is named as missing, with the command that makes it."""
    url = postgres_settings.storage.database_url.replace("/test_", "/absent_")
    absent = evolve(postgres_settings, storage=StorageSettings(database_url=url))

    with pytest.raises(DatabaseUnusable, match="createdb"):
        async with open_storage(absent, [toy.app]):
            pass


async def test_server_that_is_not_there_is_named(settings, toy):
    """A refused connection says which address, not the password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can take it
        url = f"postgres://alice:topsecret@127.0.0.1:{taken.getsockname()[1]}/llm"
        gone = evolve(settings, storage=StorageSettings(database_url=url))

        with pytest.raises(DatabaseUnusable, match=r"No database server answers at postgres://127\.0\.0\.1") as caught:
            async with open_storage(gone, [toy.app]):
                pass

    assert "topsecret" not in repr(caught.value)


async def test_missing_driver_names_the_extra(settings, toy, monkeypatch):
    """Without asyncpg the line is the command that installs it."""
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    server = evolve(settings, storage=StorageSettings(database_url="postgres://alice@db/llm"))

    with pytest.raises(DatabaseUnusable, match=r"pip install 'llmlb-core\[postgres\]'"):
        async with open_storage(server, [toy.app]):
            pass
