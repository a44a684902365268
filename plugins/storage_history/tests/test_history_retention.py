"""How old rows go."""

import asyncio
import time

from llmlb_storage_history import retention
from llmlb_storage_history.query import Filter
from llmlb_storage_history.retention import STEP, clean, cleaning

EVERYTHING = Filter()

DAY_S = 86400


async def test_old_rows_go_and_young_ones_stay(kept, monkeypatch, make_record):
    """In steps, however many there are."""
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    old = [make_record(number, age_s=8 * DAY_S) for number in range(2 * STEP + 3)]
    await kept.write(*old, make_record(9999, age_s=6 * DAY_S))

    deleted = await clean(kept.database, int((time.time() - 7 * DAY_S) * 1000))

    assert 2 * STEP + 3 == deleted
    assert ["req-00009999"] == await kept.ids()


async def test_running_server_cleans_at_once_and_again(kept, make_record):
    """Rows that grow old while it runs go too; a database that is away meanwhile is no end to it."""
    await kept.write(make_record(1, age_s=2 * DAY_S), make_record(2))

    async def gone(count):
        async with asyncio.timeout(10):
            while await kept.history.count(EVERYTHING) > count:  # noqa: ASYNC110  # nothing tells when a row is gone
                await asyncio.sleep(0.01)

    async with cleaning(kept.database, 1, every_s=0.02):
        await gone(1)
        await kept.database.execute("ALTER TABLE storage_history_requests RENAME TO hidden")
        await asyncio.sleep(0.1)
        await kept.database.execute("ALTER TABLE hidden RENAME TO storage_history_requests")
        await kept.write(make_record(3, age_s=2 * DAY_S))
        await gone(1)

    assert ["req-00000002"] == await kept.ids()
