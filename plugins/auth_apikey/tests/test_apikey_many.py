"""Thousands of keys, a few at a time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from attrs import evolve
from llmlb_auth_apikey import APP
from llmlb_auth_apikey.keys import hash_of, new_key
from llmlb_auth_apikey.ring import KeyRing, Snapshot
from llmlb_auth_apikey.settings import ApiKeySettings
from llmlb_auth_apikey.store import _PAGE, _SELECT, KeyStore, make_key

from llmlb_core.storage.rows import current_database, utc_now
from llmlb_core.storage.setup import open_storage

COUNT = 2 * _PAGE + 50


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request):
    """A store on either database."""
    name = "settings" if request.param == "sqlite" else "postgres_settings"
    async with open_storage(request.getfixturevalue(name), [APP]):
        yield KeyStore(current_database())


def keys(count):
    """Return keys of two moments, so that many were made at once."""
    now, api = utc_now(), frozenset({"api"})
    return [
        make_key(hash_of(new_key()), name=f"key {number}", scopes=api, expires_at=None, now=now - timedelta(number % 2))
        for number in range(count)
    ]


async def test_pages_have_every_key_once_and_oldest_first(store):
    """Of keys that were made in one second too; no page is longer than what the loop does in a millisecond or two."""
    made = keys(COUNT)
    for key in made:
        await store.add(key)

    pages = [page async for page in store.pages()]

    assert [_PAGE, _PAGE, 50] == [len(page) for page in pages]
    assert sorted(made, key=lambda key: (key.created_at, key.id)) == [key for page in pages for key in page]
    assert made[7] == await store.find(made[7].id)
    assert await store.find("none") is None


async def test_no_page_is_sorted(settings):
    """Each is a walk along an index, however many keys there are."""
    async with open_storage(settings, [APP]):
        plan = await current_database().select(
            f"EXPLAIN QUERY PLAN {_SELECT} WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT {_PAGE}", ("", "")
        )

    assert "by_time" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


async def test_last_uses_of_many_keys_are_written(store):
    """In one statement a batch; what is read back is a time."""
    made = keys(20)
    for key in made:
        await store.add(key)

    await store.write_uses({key.id: time.time() for key in made[:19]})

    used = {key.id: key.last_used_at for key in await store.load()}
    assert used[made[19].id] is None
    assert all(used[key.id] is not None and abs(used[key.id] - utc_now()) < timedelta(minutes=1) for key in made[:19])


def test_the_ring_goes_on_with_old_keys_until_the_new_ones_are_whole():
    """Half a snapshot refuses nobody; an unchanged one makes nobody ask again."""
    ring = KeyRing(ApiKeySettings())
    made = keys(3)
    ring.replace(made)
    generation = ring.generation

    half = Snapshot(ring)
    half.add(made[:1])
    assert 3 == len(ring)

    half.add([evolve(key, last_used_at=utc_now()) for key in made[1:]])
    half.take_over()
    assert generation == ring.generation

    ring.replace(made[:2])
    assert (2, generation + 1) == (len(ring), ring.generation)
