"""Opening a SQLite database: what it is like, and who can use it."""

import asyncio
import contextvars
import os
import sqlite3
import stat

import pytest

from llmlb_core import StorageApp
from llmlb_core.settings.sections import Settings, StorageSettings
from llmlb_core.storage.rows import current_database
from llmlb_core.storage.setup import open_storage


async def test_first_start_makes_a_private_database_in_wal_mode(settings, toy):
    """The file is made in a directory of mode 700 with mode 600, in WAL mode, with every migration applied."""
    async with open_storage(settings, [toy.app]) as storage:
        path = settings.data_dir / "llmlb.db"
        mode = sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone()[0]

        assert ("toy.m0001_initial",) == storage.upgrade.applied
        assert storage.upgrade.backup is None
        assert "wal" == mode
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        assert 0o700 == stat.S_IMODE(settings.data_dir.stat().st_mode)


async def test_connection_has_the_pragmas_that_the_design_asks_for(settings, toy):
    """Foreign keys are on, synchronous is NORMAL (1), and a busy database is waited for."""
    async with open_storage(settings, [toy.app]):
        connection = toy.rows().Shelf._meta.db

        found = {
            name: (await connection.execute_query_dict(f"PRAGMA {name}"))[0]
            for name in ("foreign_keys", "synchronous", "busy_timeout")
        }

        assert {"foreign_keys": 1} == found["foreign_keys"]
        assert {"synchronous": 1} == found["synchronous"]
        assert 5000 == found["busy_timeout"]["timeout"]


async def test_second_start_applies_nothing_and_finds_the_rows(settings, toy):
    """What was written is there after a restart; without pending migrations there is no backup."""
    async with open_storage(settings, [toy.app]):
        await toy.rows().Shelf.create(name="novels")

    async with open_storage(settings, [toy.app]) as storage:
        names = await toy.rows().Shelf.all().values_list("name", flat=True)

        assert ["novels"] == names
        assert () == storage.upgrade.applied
        assert ["llmlb.db"] == sorted(file.name for file in settings.data_dir.iterdir() if "-" not in file.name)


async def test_models_work_in_tasks_that_did_not_inherit_the_storage(settings, toy):
    """A web server's tasks, started elsewhere, use the first storage of the process."""
    async with open_storage(settings, [toy.app]):
        task = asyncio.create_task(toy.rows().Shelf.create(name="maps"), context=contextvars.Context())
        await task

        assert 1 == await toy.rows().Shelf.all().count()


async def test_a_second_storage_of_a_process_serves_only_those_bound_to_it(settings, toy, tmp_path):
    """Two servers in one process keep their rows apart, in their own tasks and in tasks bound by hand."""
    other = Settings(data_dir=tmp_path / "other")
    async with open_storage(settings, [toy.app]):
        async with open_storage(other, [toy.app]) as second:
            handle = current_database()
            await toy.rows().Shelf.create(name="second")

            async def count_elsewhere() -> tuple[int, int]:
                unbound = await toy.rows().Shelf.all().count()
                with handle.bound(), second.bound():
                    return unbound, await toy.rows().Shelf.all().count()

            counts = await asyncio.create_task(count_elsewhere(), context=contextvars.Context())

        assert (0, 1) == counts
        assert 0 == await toy.rows().Shelf.all().count()


async def test_close_disconnects_once_and_again_does_nothing(settings, toy):
    """After ``close`` models refuse to work; a second ``close``, and leaving the block, are harmless."""
    async with open_storage(settings, [toy.app]) as storage:
        await storage.close()
        await storage.close()

        with pytest.raises(Exception, match=r"(?i)context"):
            await toy.rows().Shelf.all().count()


async def test_a_plugin_whose_tables_cannot_be_imported_is_left_out(settings, toy):
    """One broken plugin is reported with its reason; the others' tables open."""
    broken = StorageApp("broken", f"{toy.package}.nowhere", f"{toy.package}.migrations")

    async with open_storage(settings, [broken, toy.app]) as storage:
        await toy.rows().Shelf.create(name="works")

        assert (toy.app,) == storage.apps
        assert ["broken"] == [label for label, _ in storage.broken]
        assert "nowhere" in storage.broken[0][1].message


async def test_a_server_without_tables_opens_too(settings):
    """A core without plugins has a database without tables."""
    async with open_storage(settings, []) as storage:
        assert () == storage.apps


async def test_sqlite_url_names_another_file(settings, toy, tmp_path):
    """``sqlite://PATH`` is used instead of the file in the data directory."""
    path = tmp_path / "elsewhere" / "keys.db"
    elsewhere = Settings(data_dir=settings.data_dir, storage=StorageSettings(database_url=f"sqlite://{path}"))

    async with open_storage(elsewhere, [toy.app]) as storage:
        assert str(path) == storage.address.shown

    assert path.exists()
    assert not settings.data_dir.exists()


async def test_opening_leaves_the_environment_as_it_was(settings, toy):
    """Tortoise's own variables do not leak into worker processes."""
    before = dict(os.environ)

    async with open_storage(settings, [toy.app]):
        pass

    assert before == dict(os.environ)
