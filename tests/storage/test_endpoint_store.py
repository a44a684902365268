"""Registered servers in the database: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from llmlb_core.domain.models import Capability
from llmlb_core.domain.registration import Condition, EndpointStatus, HealthCheck, Registration
from llmlb_core.domain.remote import RemoteModel
from llmlb_core.errors import Conflict
from llmlb_core.storage.core_app import CORE_APP
from llmlb_core.storage.endpoint_store import EndpointStore, StoredEndpoint
from llmlb_core.storage.health_store import HealthStore
from llmlb_core.storage.rows import current_database, utc_now
from llmlb_core.storage.setup import open_storage


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request):
    """An open database with the core's tables."""
    settings = request.getfixturevalue("settings" if request.param == "sqlite" else "postgres_settings")
    async with open_storage(settings, [CORE_APP]):
        yield current_database()


def stored(name: str = "a", address: str = "http://a:80", **members) -> StoredEndpoint:
    said = Registration(id=f"id-{name}", name=name, url=address, registered_at=utc_now(), **members)
    return StoredEndpoint(said, address, sealed_key="sealed")


async def test_what_is_said_comes_back(database):
    """32637000-F1, 66555000-D1, D2: every member, in order; the revision moves, and only for what operators say."""
    store = EndpointStore(database)
    whole = stored(
        kind="k",
        is_kind_fixed=True,
        max_in_flight=3,
        check_interval_s=12.5,
        inference_timeout_s=60.0,
        notes="n",
        capabilities=(Capability.VISION,),
        overrides={"m": (Capability.EMBEDDING,)},
        models=("m",),
    )
    models = tuple(RemoteModel(f"m{number}", context_tokens=number, capabilities=None) for number in range(1203))
    models += (RemoteModel("last", capabilities=(Capability.VISION,), apis=("responses",), owned_by="o", size_bytes=2**40),)
    seen = Condition(EndpointStatus.ONLINE, 1.5, utc_now(), None, 0, utc_now(), supports_responses=False)

    before = await store.revision()
    await store.add(whole)
    await store.write_models("id-a", models, utc_now())
    after = await store.revision()
    await store.write_conditions({"id-a": seen, "gone": seen})

    (back,) = await store.load()
    assert (whole.registration, whole.address, "sealed", seen) == (back.registration, back.address, back.sealed_key, back.condition)
    assert models == await store.models("id-a")
    assert (2, after) == (after - before, await store.revision())


async def test_names_and_addresses_are_unique(database):
    """66555000-F9, F11, E5: refused by name of the member; compared as written; free again after removal."""
    store = EndpointStore(database)
    await store.add(stored("a", "http://a:80"))

    with pytest.raises(Conflict) as by_name:
        await store.add(attrs.evolve(stored("a", "http://b:80"), registration=attrs.evolve(stored("a").registration, id="other")))
    with pytest.raises(Conflict) as by_address:
        await store.add(stored("b", "http://a:80"))
    await store.add(stored("A", "http://c:80"))
    with pytest.raises(Conflict) as by_change:
        await store.change(
            attrs.evolve(stored("A", "http://c:80"), registration=attrs.evolve(stored("A").registration, name="a")), 1
        )

    assert ("name", "base_url", "name") == (by_name.value.param, by_address.value.param, by_change.value.param)
    assert await store.remove("id-a")
    assert not await store.remove("id-a")
    await store.add(stored("a", "http://a:80"))


async def test_an_older_version_is_not_written(database):
    """The second of two admins is told the version of now; a server that is gone is said to be."""
    store = EndpointStore(database)
    await store.add(stored())
    changed = attrs.evolve(stored(), registration=attrs.evolve(stored().registration, notes="first"))

    assert await store.change(changed, 1)
    with pytest.raises(Conflict) as caught:
        await store.change(changed, 1)

    assert {"version": 2} == caught.value.extras
    assert ("first", 2) == ((await store.load())[0].registration.notes, (await store.load())[0].registration.version)
    assert not await store.change(stored("nobody", "http://n:1"), 1)


async def test_models_go_with_their_server(database):
    """66555000-D2: and are not written for one that is gone."""
    store = EndpointStore(database)
    await store.add(stored())
    await store.write_models("id-a", [RemoteModel("m")], utc_now())

    await store.remove("id-a")
    await store.write_models("id-a", [RemoteModel("m")], utc_now())

    assert () == await store.models("id-a")


async def test_health_is_kept_for_thirty_days_and_bounded(database):
    """66555000-F14: older ones go, and of one server all but the youngest; pages go backwards."""
    health, now = HealthStore(database), utc_now()

    def check(endpoint_id: str, days: float) -> HealthCheck:
        moment = now - timedelta(days=days)
        return HealthCheck(endpoint_id, moment, True, 1.0, None, EndpointStatus.ONLINE, EndpointStatus.ONLINE)

    await health.write([check("a", 31), check("a", 29), *(check("a", 0) for _ in range(1200)), check("b", 0)])

    assert 1 == await health.purge()
    assert 1201 - 700 == await health.purge(keep_count=700)
    first = await health.history("a", 400)
    rest = await health.history("a", 1000, before=first[-1].number)
    assert (400, 300) == (len(first), len(rest))
    assert first[-1].number > rest[0].number
    await health.forget("a")
    assert (0, 1) == (len(await health.history("a", 10)), len(await health.history("b", 10)))
