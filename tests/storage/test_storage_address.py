"""The database's address, and that nothing of it shows a password."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.settings.sections import Settings, StorageSettings
from llmlb_core.storage.address import DatabaseAddress
from llmlb_core.storage.faults import explain


def address_of(url: str | None, tmp_path) -> DatabaseAddress:
    return DatabaseAddress.of(Settings(data_dir=tmp_path, storage=StorageSettings(database_url=url)))


def test_default_is_a_file_in_the_data_directory(tmp_path):
    """Without a URL the database is ``llmlb.db`` in the data directory."""
    address = address_of(None, tmp_path)

    assert ("sqlite", tmp_path / "llmlb.db") == (address.engine, address.path)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_server_url_is_taken_apart(tmp_path, scheme):
    """User and password are unquoted, options are read, and what is shown has only the host and the database."""
    address = address_of(f"{scheme}://al%40ice:p%2Fw%25@db.example:6432/llm?sslmode=require&maxsize=9", tmp_path)

    options = address.options

    assert ("db.example", 6432, "al@ice", "p/w%", "llm") == tuple(
        options[name] for name in ("host", "port", "user", "password", "database")
    )
    assert ("require", 9) == (options["ssl"], options["maxsize"])
    assert "postgres://db.example:6432/llm" == address.shown


def test_a_socket_directory_is_an_option(tmp_path):
    """``?host=/run/postgresql`` names a Unix socket, as libpq has it."""
    address = address_of("postgres://alice@/llm?host=/run/postgresql", tmp_path)

    assert "/run/postgresql" == address.options["host"]


@given(password=st.text(string.ascii_letters + string.digits + "%/:@ äß'\"", min_size=6))
def test_no_password_is_ever_shown(password):
    """Neither the address, nor an error made from a driver's text that repeats the URL, shows the password."""
    from pathlib import Path
    from urllib.parse import quote

    url = f"postgres://alice:{quote(password, safe='')}@db/llm"
    address = address_of(url, Path("unused"))

    error = explain(RuntimeError(f"cannot connect to {url} with {password}"), address)

    secret = f"alice:{quote(password, safe='')}@"
    assert secret not in error.message
    assert f"with {password}" not in error.message
    assert secret not in repr(address)
    assert quote(password, safe="") not in address.shown
