"""Changes of other processes are seen, and a lost database changes nothing for a time."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from attrs import evolve
from llmlb_auth_apikey.keys import hash_of, new_key
from llmlb_auth_apikey.refresh import Refresher
from llmlb_auth_apikey.settings import ApiKeySettings
from llmlb_auth_apikey.store import make_key

from llmlb_core.errors import Unauthorized
from llmlb_core.storage.rows import utc_now

DEADLINE_S = 5.0


async def until(holds) -> None:
    """Wait for what a background task will bring about."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():  # noqa: ASYNC110  # the ring has no event: the core polls its generation too
            await asyncio.sleep(0.01)


def elsewhere(settings, *statements: tuple) -> None:
    """Change the database as another process does."""
    with closing(sqlite3.connect(settings.data_dir / "llmlb.db", isolation_level=None, timeout=5)) as connection:
        for statement in statements:
            connection.execute(*statement)


async def test_key_made_by_another_process_works_within_seconds(served, settings):
    """The revision moves, the server reads the keys again."""
    secret = new_key()
    row = ("k1", hash_of(secret), "cli", '["api"]', "2026-01-01 00:00:00+00:00")

    elsewhere(
        settings,
        ("INSERT INTO auth_apikey_keys (id, key_hash, name, scopes, created_at) VALUES (?, ?, ?, ?, ?)", row),
        ("UPDATE auth_apikey_revision SET revision = revision + 1",),
    )
    await until(lambda: len(served.instance.ring) == 1)

    assert "key:k1" == (await served.ask(secret)).id


async def test_key_revoked_by_another_process_is_refused_within_seconds(served, settings):
    """The generation moves as soon as the deletion is seen."""
    key_id, secret = await served.add()
    before = served.authenticator.generation

    elsewhere(
        settings,
        ("DELETE FROM auth_apikey_keys WHERE id = ?", (key_id,)),
        ("UPDATE auth_apikey_revision SET revision = revision + 1",),
    )
    await until(lambda: served.authenticator.generation > before)

    with pytest.raises(Unauthorized):
        await served.ask(secret)


async def test_lost_database_keeps_keys_good_and_its_return_is_noticed(served, settings):
    """With the table gone the last snapshot serves; when it is back, changes are seen again."""
    _, secret = await served.add()
    elsewhere(settings, ("ALTER TABLE auth_apikey_revision RENAME TO hidden",))
    await until(lambda: served.refresher._is_lost)

    assert "test" == (await served.ask(secret)).name
    elsewhere(settings, ("ALTER TABLE hidden RENAME TO auth_apikey_revision",))
    await until(lambda: not served.refresher._is_lost)

    assert "test" == (await served.ask(secret)).name


async def test_locked_database_does_not_delay_a_verification(served, settings):
    """While another process holds the database, keys are checked without waiting for it."""
    _, secret = await served.add()
    with closing(sqlite3.connect(settings.data_dir / "llmlb.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        loop = asyncio.get_running_loop()
        begun_at = loop.time()

        for _ in range(1000):
            await served.ask(secret)

        assert loop.time() - begun_at < 1.0


async def test_last_use_is_written_in_the_background(served, settings):
    """The use is in the row after a flush, and the flush is not a change of keys."""
    key_id, secret = await served.add()
    await served.ask(secret)
    revision = await served.refresher.store.revision()

    await served.refresher._flush()

    (key,) = await served.refresher.store.load()
    assert key_id == key.id
    assert abs((utc_now() - key.last_used_at).total_seconds()) < DEADLINE_S
    assert revision == await served.refresher.store.revision()


async def test_uses_survive_a_database_that_is_away_at_flush_time(served, settings):
    """What cannot be written is kept for the next time."""
    key_id, secret = await served.add()
    await served.ask(secret)
    elsewhere(settings, ("ALTER TABLE auth_apikey_keys RENAME TO hidden",))

    await served.refresher._flush()
    elsewhere(settings, ("ALTER TABLE hidden RENAME TO auth_apikey_keys",))

    assert served.instance.ring.used_at(key_id) is not None


async def test_rows_changed_by_hand_are_seen_at_the_next_minute(served, settings):
    """A DELETE without a new revision is found when everything is read again."""
    key_id, _ = await served.add()
    elsewhere(settings, ("DELETE FROM auth_apikey_keys WHERE id = ?", (key_id,)))

    await served.refresher._poll(reload=True)

    assert 0 == len(served.instance.ring)


@pytest.mark.postgres
async def test_keys_on_a_server_database_are_seen_by_a_second_server(postgres_settings):
    """Two servers on one PostgreSQL: what one makes and revokes the other sees."""
    from llmlb_auth_apikey import APP
    from llmlb_auth_apikey.ring import KeyRing

    from llmlb_core.storage.setup import open_storage

    first, second = (Refresher(KeyRing(ApiKeySettings(poll_s=0.05))) for _ in range(2))
    secret = new_key()
    key = make_key(hash_of(secret), name="pg", scopes=frozenset({"api"}), expires_at=None, now=utc_now())

    async with open_storage(postgres_settings, [APP]), first.running(), second.running():
        await first.store.add(key)
        await until(lambda: len(second.ring) == 1)
        assert "pg" == second.ring.verify(secret).name

        assert await first.store.change(evolve(key, name="renamed"))
        await until(lambda: second.ring.verify(secret).name == "renamed")
        assert await first.store.remove(key.id)
        await until(lambda: len(second.ring) == 0)


@pytest.mark.postgres
async def test_server_database_that_dies_leaves_keys_good(postgres_settings, postgres_server):
    """Connections cut by the server are reported, keys stay good, and the pool comes back by itself."""
    from llmlb_auth_apikey import APP
    from llmlb_auth_apikey.ring import KeyRing

    from llmlb_core.storage.setup import open_storage

    refresher = Refresher(KeyRing(ApiKeySettings(poll_s=0.05)))
    secret = new_key()
    key = make_key(hash_of(secret), name="pg", scopes=frozenset({"api"}), expires_at=None, now=utc_now())
    name = postgres_settings.storage.database_url.rpartition("/test_")[2].partition("?")[0]
    async with open_storage(postgres_settings, [APP]), refresher.running():
        await refresher.store.add(key)
        await refresher.refresh()

        await asyncio.to_thread(postgres_server.execute, f"ALTER DATABASE test_{name} ALLOW_CONNECTIONS false")
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test_{name}'"
        await asyncio.to_thread(postgres_server.execute, cut)
        await until(lambda: refresher._is_lost)
        assert "pg" == refresher.ring.verify(secret).name
        await asyncio.to_thread(postgres_server.execute, f"ALTER DATABASE test_{name} ALLOW_CONNECTIONS true")
        await until(lambda: not refresher._is_lost)
