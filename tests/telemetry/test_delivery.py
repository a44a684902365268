"""Records on their way to observers."""

import asyncio

import pytest

from llmlb_core import Observer, Record
from llmlb_core.telemetry import delivery as delivery_module
from llmlb_core.telemetry.delivery import BATCH, QUEUE_SIZE, Delivery


class Collector(Observer):
    """Keeps what it is given."""

    name = "collector"

    def __init__(self, name="collector"):
        self.name = name
        self.batches = []
        self.got = asyncio.Event()

    @property
    def ids(self):
        return [record.id for batch in self.batches for record in batch]

    async def observe(self, records):
        self.batches.append(records)
        self.got.set()


class Raising(Collector):
    """Cannot."""

    async def observe(self, records):
        await super().observe(records)
        raise RuntimeError("no room")


class Stuck(Collector):
    """Waits until it is let go."""

    def __init__(self, name="stuck"):
        super().__init__(name)
        self.go = asyncio.Event()

    async def observe(self, records):
        await super().observe(records)
        await self.go.wait()


class Faults(list):
    """Who raised what."""

    def __call__(self, name, error):
        self.append((name, str(error)))


def deliver_to(*observers, faults=None):
    return Delivery({each.name: each for each in observers}, Faults() if faults is None else faults)


def put(delivery, count, start=0):
    delivery.take([Record(str(number), 0.0) for number in range(start, start + count)])


async def test_records_come_in_batches_in_order():
    """Never more than a batch at a time, however many are given."""
    observer = Collector()
    delivery = deliver_to(observer)

    async with delivery.running():
        put(delivery, 3)
        async with asyncio.timeout(10):
            await observer.got.wait()
        first = list(observer.ids)
        put(delivery, 2 * BATCH + 7, start=3)

    assert ["0", "1", "2"] == first
    assert [str(number) for number in range(2 * BATCH + 10)] == observer.ids
    assert max(map(len, observer.batches)) <= BATCH


async def test_what_is_left_is_delivered_at_the_end():
    """The last calls before a stop are in the history too."""
    observer = Collector()
    delivery = deliver_to(observer)

    async with delivery.running():
        put(delivery, 1)

    assert ["0"] == observer.ids


async def test_observer_gets_what_it_wants():
    """It is not woken for anything else."""

    class Picky(Collector):
        def wants(self, record):
            return record.id.endswith("3")

    observer = Picky()
    delivery = deliver_to(observer)

    async with delivery.running():
        put(delivery, 20)

    assert ["3", "13"] == observer.ids


async def test_raising_observer_is_told_of_and_hurts_no_other():
    """Its batch is counted as lost, the next is tried again."""
    raising, good, faults = Raising("raising"), Collector(), Faults()
    delivery = deliver_to(raising, good, faults=faults)

    async with delivery.running():
        put(delivery, 2)
        async with asyncio.timeout(10):
            await raising.got.wait()
        put(delivery, 1, start=2)

    assert [("raising", "no room")] * 2 == faults
    assert ["0", "1", "2"] == good.ids == raising.ids
    assert {("raising",): 3, ("collector",): 0} == delivery.dropped()


async def test_slow_observer_loses_only_its_own():
    """Its queue is bounded, what does not fit is counted, others get everything."""
    stuck, good = Stuck(), Collector()
    delivery = deliver_to(stuck, good)
    count = QUEUE_SIZE + 5 * BATCH

    async with delivery.running():
        put(delivery, BATCH)
        async with asyncio.timeout(10):
            await stuck.got.wait()
        for start in range(BATCH, count, BATCH):
            put(delivery, BATCH, start)
            await asyncio.sleep(0)
        stuck.go.set()

    assert count == len(good.ids)
    assert {("stuck",): 4 * BATCH, ("collector",): 0} == delivery.dropped()
    assert count - 4 * BATCH == len(stuck.ids)


async def test_observer_that_never_returns_is_cancelled(monkeypatch):
    """After the deadline its batch is lost, and it is told of."""
    monkeypatch.setattr(delivery_module, "DEADLINE_S", 0.05)
    stuck, faults = Stuck(), Faults()
    delivery = deliver_to(stuck, faults=faults)

    async with delivery.running():
        put(delivery, 4)

    assert ["stuck"] == [name for name, _ in faults]
    assert {("stuck",): 4} == delivery.dropped()


async def test_stop_does_not_wait_for_a_stuck_observer(monkeypatch):
    """The server ends all the same, and no task is left."""
    monkeypatch.setattr(delivery_module, "CLOSE_S", 0.05)
    stuck = Stuck()
    delivery = deliver_to(stuck)

    async with asyncio.timeout(5), delivery.running():
        put(delivery, 4)

    assert {("stuck",): 4} == delivery.dropped()
    assert [asyncio.current_task()] == list(asyncio.all_tasks())


async def test_records_that_an_observer_lost_itself_are_counted_too():
    """Such as a history whose database is away."""
    observer = Collector()
    observer.dropped_count = 12

    assert {("collector",): 12} == deliver_to(observer).dropped()


async def test_nothing_grows_before_delivery_begins():
    """A record that comes too early, or too late, waits within the same bound."""
    delivery = deliver_to(Collector())

    put(delivery, QUEUE_SIZE + 10 * BATCH)

    assert QUEUE_SIZE == len(delivery._queues[0].records)


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1])
async def test_no_record_is_lost_at_the_edge_of_a_batch(count):
    """Whatever is left over."""
    observer = Collector()
    delivery = deliver_to(observer)

    async with delivery.running():
        put(delivery, count)

    assert count == len(observer.ids)
