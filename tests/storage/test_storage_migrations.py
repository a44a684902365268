"""Migrations of a SQLite database: backed up, all or nothing, whatever happens in the middle."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from llmlb_core.errors import DatabaseUnusable
from llmlb_core.storage.setup import open_storage

OPEN = """
import asyncio, sys
from pathlib import Path
from llmlb_core import StorageApp
from llmlb_core.settings.sections import Settings
from llmlb_core.storage.setup import open_storage

async def main(data_dir, package):
    app = StorageApp("toy", f"{package}.rows", f"{package}.migrations")
    async with open_storage(Settings(data_dir=Path(data_dir)), [app]) as storage:
        print(*storage.upgrade.applied)

asyncio.run(main(*sys.argv[1:]))
"""
ADD_COLUMN = 'ops.AddField("Shelf", "colour", fields.CharField(max_length=20, null=True)),'


def open_in_process(settings, toy) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(toy.folder.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", OPEN, str(settings.data_dir), toy.package]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def columns(settings) -> list[str]:
    with closing(sqlite3.connect(settings.data_dir / "llmlb.db")) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(toy_shelf)")]


def backups(settings) -> list[str]:
    return sorted(file.name for file in settings.data_dir.glob("llmlb.db.backup-*"))


async def test_pending_migration_is_applied_after_a_backup(settings, toy):
    """The backup holds what was there, rows still in the WAL included, and is one private file."""
    async with open_storage(settings, [toy.app]):
        await toy.rows().Shelf.create(name="novels")
        keep_wal = sqlite3.connect(settings.data_dir / "llmlb.db")
        keep_wal.execute("SELECT * FROM toy_shelf").fetchall()  # the last connection would fold the WAL into the file
    toy.add_migration("m0002_colour", operations=ADD_COLUMN)

    async with open_storage(settings, [toy.app]) as storage:
        backup = storage.upgrade.backup
        with closing(sqlite3.connect(backup)) as copy:
            rows = copy.execute("SELECT * FROM toy_shelf").fetchall()
    keep_wal.close()

    assert ("toy.m0002_colour",) == storage.upgrade.applied
    assert [(1, "novels")] == rows
    assert 0o600 == backup.stat().st_mode & 0o777
    assert ["id", "name", "colour"] == columns(settings)


async def test_only_the_newest_three_backups_are_kept(settings, toy):
    """Five migrations at five starts leave three copies."""
    async with open_storage(settings, [toy.app]):
        pass
    last = "m0001_initial"

    for number in range(2, 7):
        toy.add_migration(f"m000{number}_more", after=last)
        last = f"m000{number}_more"
        async with open_storage(settings, [toy.app]) as storage:
            newest = storage.upgrade.backup

    assert 3 == len(backups(settings))
    assert newest.name == backups(settings)[-1]


async def test_failed_migration_changes_nothing_and_is_named(settings, toy):
    """Of two pending migrations the second fails: neither is applied, the line names it and its reason."""
    async with open_storage(settings, [toy.app]):
        await toy.rows().Shelf.create(name="novels")
    toy.add_migration("m0002_colour", operations=ADD_COLUMN)
    toy.add_migration("m0003_bad", "raise ValueError('the shelf is full')", after="m0002_colour")

    with pytest.raises(DatabaseUnusable) as caught:
        async with open_storage(settings, [toy.app]):
            pass

    assert "The migration toy.m0003_bad failed (ValueError: the shelf is full)" in caught.value.message
    assert ["id", "name"] == columns(settings)
    assert 1 == len(backups(settings))
    toy.remove_migration("m0003_bad")
    async with open_storage(settings, [toy.app]) as storage:
        assert ("toy.m0002_colour",) == storage.upgrade.applied
        assert 1 == await toy.rows().Shelf.all().count()


async def test_migration_that_commits_by_itself_is_undone_from_the_backup(settings, toy):
    """A migration that leaves the transaction (``executescript`` commits) and then fails is put back all the same."""
    async with open_storage(settings, [toy.app]):
        await toy.rows().Shelf.create(name="novels")
    act = """
    await editor.client.execute_script("DROP TABLE toy_book; DELETE FROM toy_shelf;")
    raise ValueError("too late")
    """
    toy.add_migration("m0002_wild", act)

    with pytest.raises(DatabaseUnusable, match=r"toy\.m0002_wild failed"):
        async with open_storage(settings, [toy.app]):
            pass

    toy.remove_migration("m0002_wild")
    async with open_storage(settings, [toy.app]):
        assert 1 == await toy.rows().Shelf.all().count()
        assert 0 == await toy.rows().Book.all().count()


async def test_migration_marked_not_atomic_is_atomic(settings, toy):
    """``atomic = False`` does not leave half a schema behind."""
    async with open_storage(settings, [toy.app]):
        pass
    toy.add_migration("m0002_half", "raise ValueError('half')", operations=ADD_COLUMN, atomic="atomic = False")

    with pytest.raises(DatabaseUnusable, match="m0002_half"):
        async with open_storage(settings, [toy.app]):
            pass

    assert ["id", "name"] == columns(settings)


async def test_remaking_a_table_keeps_the_rows_that_refer_to_it(settings, toy):
    """SQLite alters a column by dropping the table; rows with ON DELETE CASCADE survive it."""
    async with open_storage(settings, [toy.app]):
        shelf = await toy.rows().Shelf.create(name="novels")
        await toy.rows().Book.create(shelf=shelf, title="Momo")
    toy.add_migration("m0002_longer", operations='ops.AlterField("Shelf", "name", fields.CharField(max_length=500)),')

    async with open_storage(settings, [toy.app]):
        assert 1 == await toy.rows().Shelf.all().count()
        assert 1 == await toy.rows().Book.all().count()


async def test_database_of_a_newer_program_is_refused(settings, toy):
    """A migration that the installed plugin does not know means that a newer one ran; nothing is touched."""
    async with open_storage(settings, [toy.app]):
        pass
    toy.add_migration("m0002_future")
    async with open_storage(settings, [toy.app]):
        pass
    toy.remove_migration("m0002_future")
    copies = backups(settings)

    with pytest.raises(DatabaseUnusable, match=r"newer version: it has toy\.m0002_future"):
        async with open_storage(settings, [toy.app]):
            pass

    assert copies == backups(settings)


async def test_tables_of_a_plugin_that_left_are_no_obstacle(settings, toy):
    """An uninstalled plugin's migrations stay in the table; a start without it is fine."""
    async with open_storage(settings, [toy.app]):
        pass

    async with open_storage(settings, []) as storage:
        assert () == storage.upgrade.applied


async def test_kill_in_the_middle_of_a_migration_leaves_the_old_schema(settings, toy):
    """A process that dies by SIGKILL inside a migration leaves a database that the next start migrates."""
    async with open_storage(settings, [toy.app]):
        await toy.rows().Shelf.create(name="novels")
    toy.add_migration("m0002_killed", "os.kill(os.getpid(), signal.SIGKILL)", operations=ADD_COLUMN)

    process = open_in_process(settings, toy)
    process.communicate(timeout=60)

    assert -signal.SIGKILL == process.returncode
    assert ["id", "name"] == columns(settings)
    toy.remove_migration("m0002_killed")
    toy.add_migration("m0002_mended", operations=ADD_COLUMN)
    async with open_storage(settings, [toy.app]) as storage:
        assert ("toy.m0002_mended",) == storage.upgrade.applied
        assert 1 == await toy.rows().Shelf.all().count()


async def test_concurrent_first_starts_apply_every_migration_once(settings, toy):
    """Six processes that start at once on no database all succeed; one migrates, the others find it done."""
    toy.add_migration("m0002_colour", operations=ADD_COLUMN)

    processes = [open_in_process(settings, toy) for _ in range(6)]
    answers = await asyncio.gather(*(asyncio.to_thread(process.communicate, timeout=120) for process in processes))

    assert [0] * 6 == [process.returncode for process in processes], answers
    assert ["toy.m0001_initial toy.m0002_colour"] == [out.strip() for out, _ in answers if out.strip()]
    with closing(sqlite3.connect(settings.data_dir / "llmlb.db")) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()


async def test_concurrent_starts_after_an_update_make_one_backup(settings, toy):
    """Six starts with one pending migration wait for one another and copy the file once."""
    async with open_storage(settings, [toy.app]):
        pass
    toy.add_migration("m0002_colour", operations=ADD_COLUMN)

    processes = [open_in_process(settings, toy) for _ in range(6)]
    answers = await asyncio.gather(*(asyncio.to_thread(process.communicate, timeout=120) for process in processes))

    assert [0] * 6 == [process.returncode for process in processes], answers
    assert ["toy.m0002_colour"] == [out.strip() for out, _ in answers if out.strip()]
    assert 1 == len(backups(settings))
