"""What an operator reads when the database cannot be used: one clear line."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmlb_core.errors import DatabaseUnusable, DataDirUnusable, StartError
from llmlb_core.settings.sections import Settings, StorageSettings
from llmlb_core.storage import sqlite_file
from llmlb_core.storage.setup import open_storage


async def failure(settings, apps) -> StartError:
    with pytest.raises(StartError) as caught:
        async with open_storage(settings, apps):
            raise AssertionError("it opened")
    assert "\n" not in caught.value.message
    return caught.value


async def test_a_file_that_is_no_database_is_named(settings, toy):
    """A text file where the database should be is left alone and named."""
    settings.data_dir.mkdir()
    file = settings.data_dir / "llmlb.db"
    file.write_text("This is my shopping list, not a database. " * 50)

    error = await failure(settings, [toy.app])

    assert isinstance(error, DatabaseUnusable)
    assert f"{file} is not a SQLite database" in error.message
    assert file.read_text().startswith("This is my shopping list")


async def test_a_damaged_file_is_named_with_its_backups(settings, toy):
    """Overwritten pages are found at start, not at the first query."""
    async with open_storage(settings, [toy.app]):
        for number in range(200):
            await toy.rows().Shelf.create(name=f"shelf {number} " + "x" * 30)
    file = settings.data_dir / "llmlb.db"
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(os.urandom(3 * 4096))

    error = await failure(settings, [toy.app])

    assert isinstance(error, DatabaseUnusable)
    assert "is damaged" in error.message
    assert "llmlb.db.backup-" in error.message


async def test_a_locked_file_is_named_as_locked(settings, toy, monkeypatch):
    """Another process that holds the database for long stops the start with that reason."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_S", 0.1)
    async with open_storage(settings, [toy.app]):
        pass
    other = sqlite3.connect(settings.data_dir / "llmlb.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    error = await failure(settings, [toy.app])
    other.close()

    assert isinstance(error, DatabaseUnusable)
    assert "is locked by another process" in error.message


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder that this user cannot write; root, who could, is somebody else meanwhile."""
    # Not tmp_path, which another user could not even enter.
    folder = Path(tempfile.mkdtemp(prefix="llmlb-read-only-"))
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    folder.rmdir()


async def test_a_directory_that_cannot_be_written_is_named(toy, read_only_folder):
    """A data directory without the right to write is said to be that, with the variable that names another."""
    error = await failure(Settings(data_dir=read_only_folder), [toy.app])

    assert isinstance(error, DataDirUnusable)
    assert f"{read_only_folder / 'llmlb.db'} cannot be opened for writing" in error.message
    assert "LLMLB_DATA_DIR" in error.message


async def test_a_directory_in_the_place_of_the_file_is_named(settings, toy):
    """A directory called llmlb.db is not opened."""
    (settings.data_dir / "llmlb.db").mkdir(parents=True)

    error = await failure(settings, [toy.app])

    assert isinstance(error, DataDirUnusable)


async def test_a_path_through_a_file_is_named(tmp_path, toy):
    """A data directory below a regular file cannot be made."""
    (tmp_path / "file").write_text("")

    error = await failure(Settings(data_dir=tmp_path / "file" / "data"), [toy.app])

    assert isinstance(error, DataDirUnusable)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://root:topsecret@db/x", "uses mysql"),
        ("topsecret", "has no scheme"),
        ("sqlite://", "needs the path of a file"),
        ("sqlite://:memory:", "needs the path of a file"),
        ("postgres://u:topsecret@h:notaport/x", "cannot be read"),
        ("postgres://u:topsecret@[h/x", "cannot be read"),
        ("postgres://u:topsecret@h/x?topsecret=1", "1 unknown option"),
        ("postgres://u:topsecret@h/x?minsize=topsecret", "minsize is not a whole number"),
    ],
)
async def test_a_url_that_cannot_be_used_is_explained_without_being_repeated(settings, url, expected):
    """The line says what is wrong; whatever was pasted, a password included, is not in it."""
    wrong = Settings(data_dir=settings.data_dir, storage=StorageSettings(database_url=url))

    error = await failure(wrong, [])

    assert expected in error.message
    assert "topsecret" not in repr(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
