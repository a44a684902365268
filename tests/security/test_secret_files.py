"""Secrets on disk: private and whole."""

import os
import stat

import pytest

from llmlb_core.errors import DataDirUnusable
from llmlb_core.security.data_dir import prepare_data_dir
from llmlb_core.security.secrets import new_token, read_private, write_private


def mode_of(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_tokens_have_their_form_and_differ():
    """A token is its prefix and that many letters and digits; a thousand are all different."""
    tokens = {new_token("sk_", 32) for _ in range(1000)}

    assert 1000 == len(tokens)
    assert all(token.startswith("sk_") and len(token) == 35 and token[3:].isalnum() and token.isascii() for token in tokens)


def test_readable_secret_is_made_private_again(tmp_path):
    """A file that others could read is closed to them when it is read."""
    file = tmp_path / "secret"
    file.write_text("x" * 40)
    file.chmod(0o644)

    assert "x" * 40 == read_private(file)
    assert 0o600 == mode_of(file)


def test_private_file_is_replaced_whole_and_leaves_no_draft(tmp_path):
    """A new text takes the place of the old one, with mode 600 from the first moment."""
    file = tmp_path / "key"
    file.write_text("old")

    write_private(file, "new")

    assert "new" == read_private(file)
    assert 0o600 == mode_of(file)
    assert ["key"] == [entry.name for entry in tmp_path.iterdir()]


def test_data_dir_is_made_private(tmp_path):
    """A new data directory has mode 700 and nothing in it."""
    path = tmp_path / "a" / "b"

    prepare_data_dir(path)

    assert 0o700 == mode_of(path)
    assert [] == list(path.iterdir())


def test_data_dir_that_all_may_write_is_closed_to_them(tmp_path):
    """Who can replace the database owns the server."""
    tmp_path.chmod(0o777)

    prepare_data_dir(tmp_path)

    assert 0o775 == mode_of(tmp_path)


def test_data_dir_that_is_a_file_is_named(tmp_path):
    """The line says that a file is in the way, and names the variable."""
    file = tmp_path / "data"
    file.write_text("")

    with pytest.raises(DataDirUnusable, match=r"is a file.*LLMLB_DATA_DIR"):
        prepare_data_dir(file)
    with pytest.raises(DataDirUnusable, match="LLMLB_DATA_DIR"):
        prepare_data_dir(file / "below")


def test_data_dir_that_cannot_be_made_is_named():
    """A place where directories cannot be made is said to be unwritable."""
    if not os.path.isdir("/proc/self"):  # noqa: PTH112
        pytest.skip("needs /proc, which only Linux has")

    from pathlib import Path

    with pytest.raises(DataDirUnusable, match="cannot be written"):
        prepare_data_dir(Path("/proc/llmlb"))
