"""``llmlb db``, as an operator types it."""

import json
import sqlite3
import subprocess
import sys

import pytest


def llmlb(data_dir, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmlb_core", "--data-dir", str(data_dir), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def migrated(tmp_path):
    """A data directory with a migrated database."""
    result = llmlb(tmp_path, "db", "migrate")
    assert 0 == result.returncode, result.stderr
    return tmp_path


def test_check_before_the_first_start_reports_pending_and_makes_nothing(tmp_path):
    """Exit code 1, what is pending, and still no file."""
    result = llmlb(tmp_path, "db", "check")

    assert 1 == result.returncode
    assert "is not there yet" in result.stdout
    assert "auth_apikey: 0 applied, pending: m0001_initial" in result.stdout
    assert [] == list(tmp_path.iterdir())


def test_dry_run_shows_and_applies_nothing(tmp_path):
    """``migrate --dry-run`` names what would be applied; nothing is."""
    result = llmlb(tmp_path, "db", "migrate", "--dry-run", "--json")

    assert 0 == result.returncode
    assert "auth_apikey.m0001_initial" in json.loads(result.stdout)["pending"]
    assert [] == list(tmp_path.iterdir())


def test_migrate_then_check_is_sound(migrated):
    """After ``migrate`` the check ends with 0 and lists what is applied."""
    result = llmlb(migrated, "db", "check", "--json")

    report = json.loads(result.stdout)
    assert 0 == result.returncode
    assert report["is_sound"]
    assert report["size_bytes"] > 0
    assert [
        {"label": "auth_apikey", "applied": ["m0001_initial", "m0002_limits", "m0003_by_time"], "pending": [], "newer": []}
    ] == [app for app in report["apps"] if app["label"] == "auth_apikey"]


def test_second_migrate_says_that_nothing_is_pending(migrated):
    """Nothing is applied, and no backup is made."""
    result = llmlb(migrated, "db", "migrate")

    assert "Nothing is pending.\n" == result.stdout
    assert [] == list(migrated.glob("*.backup-*"))


def test_check_of_a_damaged_file_ends_with_1(migrated):
    """The problem is one line; there is no traceback."""
    (migrated / "llmlb.db").write_bytes(b"not a database, whatever its name says" * 100)

    result = llmlb(migrated, "db", "check")

    assert 1 == result.returncode
    assert "is not a SQLite database" in result.stdout
    assert "Traceback" not in result.stderr


def test_migrate_of_a_damaged_file_ends_with_2(migrated):
    """A database that cannot be opened is a failed start: one line on stderr, exit code 2."""
    (migrated / "llmlb.db").write_bytes(b"not a database, whatever its name says" * 100)

    result = llmlb(migrated, "db", "migrate")

    assert 2 == result.returncode
    assert 1 == len(result.stderr.strip().splitlines())


def test_check_names_a_newer_database(migrated):
    """A migration that no installed plugin knows is a problem."""
    with sqlite3.connect(migrated / "llmlb.db") as connection:
        connection.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('auth_apikey', 'm0099_future', '2099-01-01')"
        )
    connection.close()

    result = llmlb(migrated, "db", "check")

    assert 1 == result.returncode
    assert "newer than the installed plugins" in result.stdout
    assert "auth_apikey.m0099_future" in result.stdout
