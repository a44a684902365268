"""``llmlb keys``, as an operator types it."""

import json
import stat
import subprocess
import sys

import pytest
from llmlb_auth_apikey.keys import is_key, new_key

from llmlb_core.errors import Unauthorized


def llmlb(data_dir, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmlb_core", "--data-dir", str(data_dir), "keys", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def listed(data_dir) -> list[dict]:
    return json.loads(llmlb(data_dir, "list", "--json").stdout)["api_keys"]


def test_first_key_is_made_on_an_empty_machine(tmp_path):
    """The key alone is on stdout, what it is on stderr; the database is made on the way."""
    result = llmlb(tmp_path / "new", "create")

    assert 0 == result.returncode, result.stderr
    assert is_key(result.stdout.strip())
    assert "expires" in result.stderr
    assert [["api"]] == [key["scopes"] for key in listed(tmp_path / "new")]


def test_created_key_has_what_was_asked_for(tmp_path):
    """Scopes, models and no end; older scope names are understood (7c0a37e0)."""
    options = ["--name", "ci", "--scope", "node", "--scope", "api", "--model", "qwen", "--never-expires", "--json"]
    options += ["--rpm", "60", "--tpm", "1000"]

    created = json.loads(llmlb(tmp_path, "create", *options).stdout)

    assert ("ci", ["api", "endpoints"], ["qwen"], None) == tuple(
        created[name] for name in ("name", "scopes", "models", "expires_at")
    )
    assert (60, 1000) == (created["requests_per_minute"], created["tokens_per_minute"])
    assert is_key(created["key"])


def test_list_never_shows_a_key_and_marks_unlimited_ones(tmp_path):
    """d4eb8796-F6, F7c: no key in any form of the list, a sign at those without an end."""
    key = llmlb(tmp_path, "create", "--never-expires").stdout.strip()

    table, document = llmlb(tmp_path, "list").stdout, llmlb(tmp_path, "list", "--json").stdout

    assert key[3:] not in table + document
    assert "never ⚠" in table
    assert json.loads(document)["api_keys"][0]["is_unlimited"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_key_is_revoked_by_id_or_name(tmp_path, by):
    """d4eb8796-F7: afterwards the list is empty; a second time there is nothing to revoke."""
    created = json.loads(llmlb(tmp_path, "create", "--name", "old one", "--json").stdout)

    first = llmlb(tmp_path, "revoke", created[by])
    second = llmlb(tmp_path, "revoke", created[by])

    assert (0, 1) == (first.returncode, second.returncode)
    assert [] == listed(tmp_path)


def test_name_of_several_keys_is_not_revoked(tmp_path):
    """The ids are told instead of choosing one."""
    llmlb(tmp_path, "create", "--name", "twin")
    llmlb(tmp_path, "create", "--name", "twin")

    result = llmlb(tmp_path, "revoke", "twin")

    assert 1 == result.returncode
    assert all(key["id"] in result.stderr for key in listed(tmp_path))


def test_ensure_keeps_one_key_in_a_private_file(tmp_path):
    """The second call prints the first one's key; the file has mode 600."""
    file = tmp_path / "first.key"

    first = llmlb(tmp_path / "data", "ensure", "--name", "first", "--file", str(file))
    second = llmlb(tmp_path / "data", "ensure", "--name", "first", "--file", str(file))

    assert is_key(first.stdout.strip()), first.stderr
    assert first.stdout == second.stdout == file.read_text()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert 1 == len(listed(tmp_path / "data"))


def test_ensure_replaces_a_key_that_this_database_does_not_know(tmp_path):
    """A key of another data directory, or a revoked one, makes way for a good one."""
    file = tmp_path / "first.key"
    file.write_text(new_key())

    result = llmlb(tmp_path / "data", "ensure", "--name", "first", "--file", str(file))

    assert 0 == result.returncode
    assert result.stdout == file.read_text()
    assert 1 == len(listed(tmp_path / "data"))


def test_ensure_does_not_overwrite_something_else(tmp_path):
    """A file that holds no key is somebody's: it is kept, and no key is made."""
    file = tmp_path / "notes.txt"
    file.write_text("not a key")

    result = llmlb(tmp_path / "data", "ensure", "--name", "first", "--file", str(file))

    assert 1 == result.returncode
    assert "not an API key" in result.stderr
    assert "not a key" == file.read_text()
    assert [] == listed(tmp_path / "data")


@pytest.mark.parametrize(
    "options",
    [
        ["--scope", "root"],
        ["--name", ""],
        ["--name", "x" * 101],
        ["--expires-in-days", "0"],
        ["--expires-in-days", "366"],
        ["--never-expires", "--expires-in-days", "5"],
    ],
)
def test_bad_options_end_with_3_and_make_nothing(tmp_path, options):
    """Wrong usage is said in words, and no database is made for it."""
    result = llmlb(tmp_path / "data", "create", *options)

    assert 3 == result.returncode, result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "data").exists()


async def test_running_server_sees_what_the_command_does(served, settings):
    """A key made by the command works on the running server, and stops working when the command revokes it."""
    import asyncio

    key = (await asyncio.to_thread(llmlb, settings.data_dir, "create", "--name", "live")).stdout.strip()
    async with asyncio.timeout(5):
        while len(served.instance.ring) == 0:  # noqa: ASYNC110  # the ring has no event
            await asyncio.sleep(0.01)
    assert "live" == (await served.ask(key)).name

    await asyncio.to_thread(llmlb, settings.data_dir, "revoke", "live")
    async with asyncio.timeout(5):
        while len(served.instance.ring) == 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    with pytest.raises(Unauthorized):
        await served.ask(key)
