"""The registry itself: snapshots, targets, and who is woken."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import attrs
import pytest

from llmlb_core.domain.models import Capability
from llmlb_core.domain.registration import Condition, EndpointStatus, Registration
from llmlb_core.domain.remote import RemoteModel, Report
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry
from llmlb_core.upstream.address import parse_url
from llmlb_core.upstream.sweep import Sweep

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONLINE, OFFLINE = Condition(EndpointStatus.ONLINE), Condition(EndpointStatus.OFFLINE)


@pytest.fixture
async def registry():
    """An empty one."""
    sweep = Sweep(asyncio.get_running_loop())
    made = EndpointRegistry(sweep, {})
    yield made
    made.close()
    sweep.stop()


def add(registry: EndpointRegistry, name: str, *models: str, **members) -> RegisteredEndpoint:
    """Register an online server with *models*."""
    said = Registration(id=name, name=name, url="http://h", **members)
    listed = [RemoteModel(model) for model in models]
    return registry.add(said, parse_url(f"http://{name}"), condition=ONLINE, listed=listed, listed_at=NOW)


async def test_targets_follow_what_servers_list(registry):
    """One look into a dict for each call; what changed is another target, what did not is the same object."""
    one, two = add(registry, "one", "a", "b"), add(registry, "two", "b", "c")
    before = {model: registry.shared(model).target for model in "abc"}
    old = registry.snapshot

    registry.lists(two, [RemoteModel("a"), RemoteModel("c")], NOW)

    assert [(one,), (one, two), (two,)] == [before[model].endpoints for model in "abc"]
    assert [(one, two), (one,), (two,)] == [registry.shared(model).target.endpoints for model in "abc"]
    assert registry.shared("c").target is before["c"]
    assert (one, two) == old.endpoints_by_model["b"]
    assert registry.shared("d") is None


async def test_a_removed_server_is_in_no_target_and_closed_when_its_calls_are_over(registry):
    """66555000-E4: its models are gone with it, and its connections when nothing runs there any more."""
    one = add(registry, "one", "a")
    one.in_flight = 1

    registry.remove(one)
    kept = registry._retired[:]
    one.in_flight = 0
    registry.close_retired()

    assert (None, (), [one], []) == (registry.shared("a"), registry.snapshot.endpoints, kept, registry._retired)
    assert "was removed" == one.unroutable_reason


async def test_whoever_waits_is_woken_when_a_server_takes_more(registry):
    """Well again, done loading, or a larger limit; not for what changes nothing."""
    one, woken = add(registry, "one", "a"), []
    registry.on_routable.append(lambda endpoint: woken.append(endpoint.max_in_flight))

    registry.seen(one, OFFLINE)
    registry.seen(one, ONLINE)
    registry.seen(one, ONLINE, Report(is_loading=True))
    registry.seen(one, ONLINE, Report(max_in_flight=4))
    registry.seen(one, ONLINE, Report(max_in_flight=4))
    registry.change(one, attrs.evolve(one.registration, max_in_flight=9))
    registry.seen(one, ONLINE, Report(max_in_flight=2))

    assert [8, 4, 9] == woken


async def test_of_servers_that_differ_those_that_can_are_chosen(registry):
    """Images go only where images are understood; where all can, there is one target."""
    one = add(registry, "one", "m", "n")
    two = add(registry, "two", "m", "n", overrides={"m": (Capability.TEXT_GENERATION, Capability.VISION)})

    differing, equal = registry.shared("m"), registry.shared("n")

    assert (Capability.TEXT_GENERATION, Capability.VISION) == differing.capabilities
    assert (two,) == differing.fit(Capability.VISION).endpoints
    assert (one, two) == differing.fit(Capability.TEXT_GENERATION).endpoints
    assert equal.fit(Capability.TEXT_GENERATION) is equal.target
    assert equal.fit(Capability.VISION) is None


async def test_a_change_keeps_the_object_and_its_calls(registry):
    """Name and key are new at once; what runs stays counted, and connections stay open."""
    one = add(registry, "one", "a", key="sk-old")
    pool, target = one.pool, registry.shared("a").target
    one.in_flight = 3

    registry.change(one, attrs.evolve(one.registration, name="other", key="sk-new", version=2))

    assert ("other", 3, pool, target) == (one.name, one.in_flight, one.pool, registry.shared("a").target)
    assert "sk-new" in one._tail
    assert "sk-" not in repr(one.registration) + repr(one)
