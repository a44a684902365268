"""How late the event loop is."""

import asyncio
import time

from llmlb_core.telemetry.cells import Histogram
from llmlb_core.telemetry.lag import measured_lag


async def looked(cell, count):
    async with asyncio.timeout(10):
        while sum(cell.counts) < count:  # noqa: ASYNC110  # a cell is a number; nothing tells when it grows
            await asyncio.sleep(0.001)


async def test_a_busy_loop_is_late():
    """Whatever blocks it for 100 ms is seen as about that."""
    cell = Histogram((0.05, 10.0))

    with measured_lag(cell, every_s=0.001):
        await looked(cell, 1)
        time.sleep(0.1)  # noqa: ASYNC251  # what is measured
        await looked(cell, sum(cell.counts) + 1)

    assert cell.counts[1] >= 1
    assert cell.sum >= 0.05


async def test_measuring_ends_with_its_block():
    """No timer is left behind."""
    cell = Histogram()
    with measured_lag(cell, every_s=0.001):
        await looked(cell, 2)

    before = sum(cell.counts)
    await asyncio.sleep(0.02)

    assert before == sum(cell.counts)
