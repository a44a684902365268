"""A database that is away, full of holes, or comes back."""

import asyncio
import time

import pytest
from llmlb_storage_history import writer as writer_module
from llmlb_storage_history.journal import BATCH, MAX_BATCH, Journal
from llmlb_storage_history.query import Filter
from llmlb_storage_history.writer import Writer

EVERYTHING = Filter()

TABLE = "storage_history_requests"


async def until(condition):
    """Wait, with a deadline, for something that the writer does by itself."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # nothing tells when a row is written
            await asyncio.sleep(0.01)


async def hide(kept):
    """Take the table away, as a lost database would."""
    await kept.database.execute(f"ALTER TABLE {TABLE} RENAME TO hidden")


async def put_back(kept):
    await kept.database.execute(f"ALTER TABLE hidden RENAME TO {TABLE}")


async def test_rows_wait_for_a_lost_database_and_are_written_when_it_is_back(kept, make_record):
    """None is lost as long as they fit."""
    await hide(kept)
    await kept.journal.observe([make_record(number) for number in range(BATCH + 10)])

    while_away = await kept.writer.flush()
    waiting = len(kept.journal.waiting)
    await put_back(kept)
    back = await kept.writer.flush()

    assert (False, BATCH + 10, True) == (while_away, waiting, back)
    assert BATCH + 10 == await kept.history.count(EVERYTHING)
    assert 0 == kept.journal.dropped_count


async def test_memory_is_bounded_while_the_database_is_away(make_record, keeping):
    """The oldest stay, later ones are counted as lost."""
    async with keeping(max_waiting_rows=600) as kept:
        await hide(kept)
        for start in range(0, 2000, 100):
            await kept.journal.observe([make_record(number) for number in range(start, start + 100)])
            await kept.writer.flush()
        await put_back(kept)
        await kept.writer.flush()

        assert 1400 == kept.journal.dropped_count
        assert 600 == await kept.history.count(EVERYTHING)
        assert "req-00000599" == (await kept.ids(per_page=1))[0]


async def test_a_row_that_cannot_be_written_loses_its_batch_and_no_more(kept, make_record):
    """It is not tried for ever while the journal fills up behind it."""
    bad = make_record(0, bytes_in="many")
    bad.duration_s = None
    await kept.journal.observe([bad, *(make_record(number) for number in range(1, MAX_BATCH + 5))])

    went_on = await kept.writer.flush()

    assert went_on
    assert MAX_BATCH == kept.journal.dropped_count
    assert 5 == await kept.history.count(EVERYTHING)


async def test_running_plugin_writes_by_itself_and_at_its_end(make_record, keeping, serving):
    """After a second, or at once when enough wait; and what is left when the server stops."""
    async with serving() as (plugin, instance):
        history = plugin.shared["history"]
        await instance.journal.observe([make_record(number) for number in range(BATCH)])
        await until(lambda: not instance.journal.waiting)
        assert BATCH == await history.count(EVERYTHING)
        await instance.journal.observe([make_record(BATCH)])

    async with keeping() as kept:
        assert BATCH + 1 == await kept.history.count(EVERYTHING)


async def test_a_database_that_is_away_is_asked_less_and_less(kept, monkeypatch, make_record):
    """And written to again without anybody's help."""
    monkeypatch.setattr(writer_module, "MAX_PAUSE_S", 0.2)
    journal = Journal(20_000)
    writer = Writer(journal, kept.database, flush_s=0.01)
    await hide(kept)

    async with writer.running():
        await journal.observe([make_record(number) for number in range(2 * BATCH)])
        await until(lambda: writer._pause_s >= 0.2)
        await put_back(kept)
        await until(lambda: not journal.waiting)

    assert 2 * BATCH == await kept.history.count(EVERYTHING)
    assert 0 == journal.dropped_count


async def test_a_writer_that_is_cancelled_leaves_no_transaction_open(kept, make_record):
    """SQLite has one connection for everybody: one BEGIN left on it would stop every plugin's writes."""
    await kept.journal.observe([make_record(number) for number in range(BATCH)])
    task = asyncio.create_task(kept.writer.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await kept.write(make_record(9999))

    assert BATCH + 1 == await kept.history.count(EVERYTHING)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_the_end_does_not_wait_for_a_database_that_hangs(settings, monkeypatch, make_record, keeping):
    """Another process holds the lock: the server stops within its time."""
    import sqlite3
    from contextlib import closing

    monkeypatch.setattr(writer_module, "CLOSE_S", 0.1)
    async with keeping() as kept:
        with closing(sqlite3.connect(settings.data_dir / "llmlb.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began_at = time.monotonic()
            async with kept.writer.running():
                await kept.journal.observe([make_record(1)])
            took_s = time.monotonic() - began_at
            other.execute("ROLLBACK")

    assert took_s < 4
