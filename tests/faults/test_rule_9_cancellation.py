"""Rule 9, cancellation is always on: whenever and by whatever door a client leaves, nothing of its call runs on.

Within a second the server's connection is closed or the engine's generation over, and the slot is free; the record says
``cancelled``, with the usage so far. A client that half-closes its connection has left as well.
"""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from .leaving import DEADLINE_S, DOORS, body_of, by_asgi, open_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
CANCEL_S = 2.0
"""Twice the rule's second: machines of continuous integration stand still at times."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory):
    """One server for all of this file."""
    async with open_scene(tmp_path_factory.mktemp("rule-9") / "data") as scene:
        yield scene


@pytest_asyncio.fixture(loop_scope="module")
async def scene(opened):
    """The server, without a call before and after."""
    opened.records.clear()
    yield opened
    opened.hang_up()
    await opened.until(lambda: opened.running() == (0, 0, 0))


def works(scene, model):
    """Whether somebody works at a call of *model*: the server behind, or an engine."""
    return bool(scene.visits()) if model.startswith("far") else scene.running()[2] > 0


async def left(scene, guest):
    """Have *guest* leave; return its record when nothing of its call is left, which is soon."""
    guest.leave()
    async with asyncio.timeout(CANCEL_S):
        record = await scene.records.next()
        while scene.visits() or scene.running() != (0, 0, 0):  # noqa: ASYNC110  # no event tells of all of that
            await asyncio.sleep(0.005)
    return record


@pytest.mark.parametrize("model", ["far", "local"])
@pytest.mark.parametrize("door", DOORS)
async def test_rule_9_in_mid_stream(scene, door, model):
    """The generation ends, and the record says how far the answer came."""
    guest = await DOORS[door](scene, body_of(model, stream=True))
    await guest.has_content()

    record = await left(scene, guest)

    assert ("cancelled", 200, True) == (record.ending, record.status, record.first_token_s is not None)
    assert [("cancelled", "")] == [(each.outcome, each.reason) for each in record.all_attempts()]


@pytest.mark.parametrize("model", ["far", "local"])
@pytest.mark.parametrize("door", DOORS)
async def test_rule_9_usage_so_far_is_recorded_as_partial(scene, door, model):
    """What went out until the client left: nobody told it, so it is counted."""
    guest = await DOORS[door](scene, body_of(model, stream=True))
    await guest.has_content()

    record = await left(scene, guest)

    assert record.usage is not None
    assert (True, True) == (record.usage.is_partial, record.usage.is_counted)
    assert 1 <= record.usage.completion_tokens < 1000


@pytest.mark.parametrize("model", ["far-late", "local-late"])
@pytest.mark.parametrize("door", DOORS)
async def test_rule_9_before_the_first_token(scene, door, model):
    """The prompt is read no further; nothing went out, so there is no usage."""
    guest = await DOORS[door](scene, body_of(model, stream=True))
    await scene.until(lambda: works(scene, model))

    record = await left(scene, guest)

    assert ("cancelled", None) == (record.ending, record.usage)


@pytest.mark.parametrize("model", ["far", "local"])
@pytest.mark.parametrize("door", DOORS)
async def test_rule_9_in_a_plain_call(scene, door, model):
    """Nobody waits for the answer any more; nothing went out, so there is no usage."""
    guest = await DOORS[door](scene, body_of(model, stream=False))
    await scene.until(lambda: works(scene, model))

    record = await left(scene, guest)

    assert ("cancelled", None) == (record.ending, record.usage)


@pytest.mark.parametrize("model", ["far", "local"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("door", DOORS)
async def test_rule_9_in_the_queue(scene, door, stream, model):
    """It stands there no longer, it never had a slot, and whoever runs is not disturbed."""
    queue = scene.front.house.pipeline.acquire
    running = await by_asgi(scene, body_of(model, stream=True))
    await running.has_content()
    guest = await DOORS[door](scene, body_of(model, stream=stream))
    await scene.until(lambda: queue.waiting_count == 1)

    guest.leave()
    async with asyncio.timeout(CANCEL_S):
        record = await scene.records.next()
    still = works(scene, model)
    waiting = queue.waiting_count
    await left(scene, running)

    assert (True, 0) == (still, waiting)
    assert ("cancelled", "", None, []) == (record.ending, record.served_by, record.usage, record.attempts)


async def test_rule_9_the_slot_is_for_the_next_call(scene):
    """The only slot of an engine: the next call is answered at once, not after the two minutes that the first would have taken."""
    guest = await DOORS["wire, closed"](scene, body_of("local", stream=True))
    await guest.has_content()
    await left(scene, guest)

    following = await by_asgi(scene, body_of("local", stream=True))
    async with asyncio.timeout(DEADLINE_S):
        await following.has_content()

    assert "cancelled" == (await left(scene, following)).ending


async def test_rule_9_a_hundred_that_leave_at_once(scene):
    """Queued or running, of both kinds and by all doors: nothing is left of any."""
    guests = [
        await call(scene, body_of(model, stream=stream))
        for call in DOORS.values()
        for model in ("far", "local", "far-late", "local-late")
        for stream in (True, False)
        for _ in range(2)
    ]
    await scene.until(lambda: scene.running()[0] == len(guests))

    for guest in guests:
        guest.leave()
    async with asyncio.timeout(2 * CANCEL_S):
        records = [await scene.records.next() for _ in guests]
    await scene.until(lambda: not scene.visits() and scene.running() == (0, 0, 0))

    assert {"cancelled"} == {record.ending for record in records}
