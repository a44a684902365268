"""Where large uploads lie."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from llmlb_core.errors import NoRoomForUpload
from llmlb_core.uploads.spool import LEFT_OVER_S, Spool, remove_files


@pytest.fixture
def spool(tmp_path):
    """An empty one."""
    spool = Spool(tmp_path / "uploads", 100)
    spool.prepare()
    return spool


def test_files_of_servers_that_are_no_more_are_deleted(spool):
    """Also of one that had this process's number; what a server that runs holds stays, and what is no upload."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {f"upload-{ended.pid}-a": False, f"upload-{os.getpid()}-b": False, f"upload-{os.getppid()}-c": True, "notes.txt": True}
    for name in (*names, "upload-odd"):
        (spool.folder / name).write_bytes(b"x")
    old = spool.folder / f"upload-{os.getppid()}-d"
    old.write_bytes(b"x")
    os.utime(old, (0, old.stat().st_mtime - LEFT_OVER_S - 60))

    spool.prepare()

    assert sorted(name for name, stays in names.items() if stays) == sorted(each.name for each in spool.folder.iterdir())


def test_the_folder_is_the_servers_own(spool):
    """Nobody else may list it."""
    assert 0o700 == spool.folder.stat().st_mode & 0o777


def test_files_share_what_may_be_used(spool):
    """What is deleted makes room."""
    first, second = spool.begin(), spool.begin()
    spool.book(first, 60)
    first.write(b"x" * 60)

    with pytest.raises(NoRoomForUpload, match="upload_disk_bytes"):
        spool.book(second, 60)
    spool.forget(first)
    remove_files([first])
    spool.book(second, 60)

    assert 60 == spool.held_bytes
    assert [] == list(spool.folder.iterdir())


def test_two_files_never_have_one_name(spool):
    """A file that is there already, or a link, is never written to."""
    file = spool.begin()
    file.path.symlink_to(spool.folder / "elsewhere")

    with pytest.raises(FileExistsError):
        file.write(b"x")

    assert not (spool.folder / "elsewhere").exists()
    assert file.path.name != spool.begin().path.name


def test_deleting_what_was_never_written_is_no_error(spool):
    """A call may end before its first piece is on disk."""
    remove_files([spool.begin()])

    assert [] == list(spool.folder.iterdir())
