"""Who is let in: known, unexpired, unrevoked keys, from memory alone."""

import logging
from contextlib import closing
from datetime import timedelta
from sqlite3 import connect

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from llmlb_auth_apikey.keys import Key, hash_of, new_key
from llmlb_auth_apikey.ring import KeyRing
from llmlb_auth_apikey.settings import ApiKeySettings

from llmlb_core.errors import Unauthorized
from llmlb_core.storage.rows import utc_now

DAY = timedelta(days=1)


def ring_with(*keys: Key, **clocks) -> KeyRing:
    ring = KeyRing(ApiKeySettings(stale_hours=1), **clocks)
    ring.replace(keys)
    return ring


def key_for(secret: str, **facts) -> Key:
    return Key(
        **{"id": "1", "name": "test", "hash": hash_of(secret), "scopes": frozenset({"api"}), "created_at": utc_now(), **facts}
    )


async def test_good_key_is_its_principal(served):
    """d4eb8796-F5: a key authenticates; the principal has its id, name, scopes and models (7c0a37e0-F1, F2)."""
    key_id, secret = await served.add(scopes=("api", "endpoints"), models=frozenset({"qwen"}), name="ci")

    principal = await served.ask(secret)

    assert (f"key:{key_id}", "ci", {"api", "endpoints"}, {"qwen"}) == (
        principal.id,
        principal.name,
        principal.scopes,
        principal.models,
    )


async def test_admin_contains_every_scope(served):
    """7c0a37e0-F9: an admin key may do what the other scopes may."""
    _, secret = await served.add(scopes=("admin",))

    principal = await served.ask(secret)

    assert [True] * 3 == [principal.has(scope) for scope in ("api", "endpoints", "admin")]


async def test_unknown_key_is_refused_with_the_next_step(served):
    """A key of the right form that nobody made is 401 and says what makes one."""
    with pytest.raises(Unauthorized, match=r"unknown or was revoked.*llmlb keys create"):
        await served.ask(new_key())


async def test_expired_key_is_refused_and_says_when(served):
    """d4eb8796: an expired key is 401; the day is told, for only who has the key sees it."""
    _, secret = await served.add(expires_at=utc_now() - DAY)

    with pytest.raises(Unauthorized, match=f"expired on {utc_now() - DAY:%Y-%m-%d}"):
        await served.ask(secret)


async def test_revoked_key_is_refused_and_the_generation_moves(served):
    """d4eb8796-F7: what the core remembered of a deleted key is asked for again, and refused."""
    key_id, secret = await served.add()
    await served.ask(secret)
    before = served.authenticator.generation

    await served.refresher.store.remove(key_id)
    await served.refresher.refresh()

    assert served.authenticator.generation > before
    with pytest.raises(Unauthorized):
        await served.ask(secret)


async def test_use_of_a_key_does_not_move_the_generation(served):
    """Writing last uses must not make the core forget every key."""
    _, secret = await served.add()
    await served.ask(secret)
    before = served.authenticator.generation

    await served.refresher._flush()
    await served.refresher.refresh()

    assert before == served.authenticator.generation


async def test_key_is_hashed_at_rest(served, settings):
    """d4eb8796-F19: no file of the data directory holds the key; its SHA-256 is there."""
    _, secret = await served.add()

    content = b"".join(file.read_bytes() for file in settings.data_dir.iterdir())

    assert secret.encode() not in content
    assert secret[3:].encode() not in content
    assert hash_of(secret).encode() in content


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {"api", "endpoints", "admin"}),
        ("[]", set()),
        ("nonsense", set()),
        ('["node","x",1]', {"endpoints"}),
        ('"admin"', set()),
    ],
)
async def test_scopes_of_older_rows_fail_closed(served, settings, text, expected):
    """7c0a37e0-F15: NULL scopes = all, an empty or unreadable list = none; older names are understood."""
    key_id, secret = await served.add()
    with closing(connect(settings.data_dir / "llmlb.db", isolation_level=None)) as connection:
        connection.execute("UPDATE auth_apikey_keys SET scopes = ? WHERE id = ?", (text, key_id))
    await served.refresher.refresh()

    principal = await served.ask(secret)

    assert expected == set(principal.scopes)


def test_principal_is_remembered_for_a_minute_at_most():
    """So that the last use is known to the minute, and never beyond the key's end."""
    secret, soon = new_key(), utc_now() + timedelta(seconds=30)
    now = utc_now().timestamp()

    unlimited = ring_with(key_for(secret), clock=lambda: now).verify(secret)
    ending = ring_with(key_for(secret, expires_at=soon), clock=lambda: now).verify(secret)

    assert now + 60 == unlimited.valid_until
    assert soon.timestamp() == ending.valid_until


def test_ring_without_a_snapshot_refuses():
    """Before the first read nobody is let in: never open."""
    with pytest.raises(Unauthorized, match="cannot be checked"):
        KeyRing(ApiKeySettings()).verify(new_key())


def test_stale_ring_refuses_and_says_so_through_the_generation():
    """After ``stale_hours`` without the database every key is refused, remembered ones too; its return mends that."""
    secret, now = new_key(), [0.0]
    ring = ring_with(key_for(secret), monotonic=lambda: now[0])
    now[0] = 3599
    ring.verify(secret)
    before = ring.generation

    now[0] = 3601
    assert ring.is_stale()
    with pytest.raises(Unauthorized, match="out of reach for too long"):
        ring.verify(secret)
    assert ring.generation > before
    ring.confirm()

    assert "key:1" == ring.verify(secret).id


def test_uses_are_bounded_by_the_number_of_keys():
    """A million calls of one key are one entry; uses that could not be written are kept once."""
    secret = new_key()
    ring = ring_with(key_for(secret))
    for _ in range(1000):
        ring.verify(secret)

    uses = ring.take_uses()
    ring.give_back_uses({**uses, "gone": 1.0})

    assert ["1"] == list(uses)
    assert uses == ring.take_uses()


@given(number=st.integers())
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_secret_in_any_repr_log_or_error(caplog, number):
    """Neither a key nor its hash is in what is shown of keys, rings, principals, plugins, errors or log lines."""
    caplog.set_level(logging.DEBUG)
    secret, other = new_key(), new_key()
    key = key_for(secret)
    ring = ring_with(key)

    shown = repr(key) + repr(ring) + repr(ring.verify(secret))
    for wrong in (other, other[:-1], "x" + other):
        with pytest.raises(Unauthorized) as caught:
            ring.verify(wrong)
        shown += repr(caught.value) + str(caught.value.extras)

    for hidden in (secret, other, other[:-1], hash_of(secret), hash_of(other)):
        assert hidden not in shown + caplog.text
