"""A real recorder process, between a keeper and a real database."""

import asyncio
import json
import os
import signal
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import frozen
from llmlb_storage_history import APP
from llmlb_storage_history.bodies.frames import Begin
from llmlb_storage_history.bodies.recorder import Recorder
from llmlb_storage_history.bodies.sink import COST_BYTES, BodyKeeper
from llmlb_storage_history.bodies.table import TABLE, find_bodies
from llmlb_storage_history.retention import clean

from llmlb_core import Bodies
from llmlb_core.storage.rows import Database, current_database
from llmlb_core.storage.setup import open_storage

DEADLINE_S = 20.0
MB = 1024 * 1024
SECRET = "the moon is made of cheese"


@frozen
class Recorded:
    """A keeper whose recorder runs."""

    keeper: BodyKeeper
    recorder: Recorder
    database: Database

    async def until(self, condition):
        """Wait, with a deadline, for something that happens in another process."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110  # nothing here tells when the recorder has done something
                await asyncio.sleep(0.01)

    async def written(self):
        """Return when nothing is on its way any more."""
        await self.until(lambda: not self.keeper.unfinished_count)

    async def ids(self):
        """Return the ids of all rows."""
        return [row["id"] for row in await self.database.select(f"SELECT id FROM {TABLE} ORDER BY started_at, id")]

    async def find(self, number=1):
        """Return one row, its documents read."""
        row = await find_bodies(self.database, f"req-{number:08}")
        return row and {**row, "request_body": json.loads(row["request_body"]), "answer_body": json.loads(row["answer_body"])}


@pytest.fixture
def recording(settings):
    """Return what opens a database and a recorder."""

    @asynccontextmanager
    async def record(policy="full", *, max_held=64 * MB, max_kept=1024 * MB):
        async with open_storage(settings, [APP]):
            database = current_database()
            keeper = BodyKeeper(MB, max_held)
            recorder = Recorder(keeper, Begin(database.ticket(), policy, max_kept), first_pause_s=0.05)
            async with recorder.running():
                yield Recorded(keeper, recorder, database)

    return record


@pytest.fixture
def said(make_record):
    """Return what makes the bodies of one call."""

    def make(number=1, request=None, answer=None, **facts):
        request = request if request is not None else {"model": "m", "messages": [{"role": "user", "content": SECRET}]}
        answer = answer if answer is not None else {"choices": [{"message": {"content": SECRET}, "finish_reason": "stop"}]}
        own = {"content_type": "application/json", **{name: facts.pop(name) for name in list(facts) if name.startswith("is_")}}
        request, answer = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in (request, answer))
        return Bodies(make_record(number, **facts), request, answer, **own)

    return make


async def test_full_bodies_are_written_as_they_were(recording, said):
    """Beside the history, under the same id, with when the call began."""
    async with recording() as recorded:
        recorded.keeper.take(said(1, age_s=60))
        await recorded.written()

        row = await recorded.find()
        (began_at,) = [each["started_at"] for each in await recorded.database.select(f"SELECT started_at FROM {TABLE}")]

    assert SECRET == row["request_body"]["messages"][0]["content"] == row["answer_body"]["choices"][0]["message"]["content"]
    assert ("full", False, False) == (row["policy"], bool(row["is_request_cut"]), bool(row["is_answer_cut"]))
    assert abs(began_at / 1000 - (time.time() - 60)) < 5


async def test_masked_bodies_hold_no_content(recording, said):
    """Not in any column of the row."""
    async with recording("masked") as recorded:
        recorded.keeper.take(said(1))
        await recorded.written()

        (row,) = await recorded.database.select(f"SELECT * FROM {TABLE}")
        found = await recorded.find()

    assert "cheese" not in str(row)
    assert {"masked": "text", "length": len(SECRET)} == found["request_body"]["messages"][0]["content"]
    assert "stop" == found["answer_body"]["choices"][0]["finish_reason"]


async def test_what_waits_is_written_when_the_server_stops(recording, settings, said):
    """Whoever stops a server loses nothing that was said a moment before."""
    async with recording() as recorded:
        for number in range(250):
            recorded.keeper.take(said(number))

    async with open_storage(settings, [APP]):
        rows = await current_database().select(f"SELECT count(*) AS count FROM {TABLE}")
    assert (250, 0, 0) == (rows[0]["count"], recorded.keeper.dropped_count, recorded.keeper.held_bytes)


async def test_killed_recorder_is_counted_and_started_again(recording, said):
    """What it had is lost and counted, what comes later is written."""
    async with recording() as recorded:
        recorded.keeper.take(said(1))
        await recorded.written()
        first = recorded.recorder.pid
        os.kill(first, signal.SIGSTOP)
        recorded.keeper.take(said(2))
        os.kill(first, signal.SIGKILL)
        await recorded.until(lambda: recorded.recorder.pid not in (None, first))
        recorded.keeper.take(said(3))
        await recorded.written()

        assert ["req-00000001", "req-00000003"] == await recorded.ids()
    assert (1, 1, 0) == (recorded.keeper.dropped_count, recorded.keeper.failure_count, recorded.keeper.held_bytes)


async def test_bodies_wait_while_there_is_no_recorder(recording, said):
    """What came between two processes is written by the second."""
    async with recording() as recorded:
        await recorded.until(lambda: recorded.recorder.pid)
        first = recorded.recorder.pid
        os.kill(first, signal.SIGKILL)
        await recorded.until(lambda: recorded.recorder.pid is None)
        recorded.keeper.take(said(1))
        await recorded.written()

        assert ["req-00000001"] == await recorded.ids()
    assert (0, 1) == (recorded.keeper.dropped_count, recorded.keeper.failure_count)


async def test_recorder_that_does_not_read_holds_no_more_than_the_bound(recording, said):
    """The rest is dropped and counted; nobody waits; what was held is written when it reads again."""
    async with recording(max_held=4 * MB) as recorded:
        await recorded.until(lambda: recorded.recorder.pid)
        os.kill(recorded.recorder.pid, signal.SIGSTOP)
        for number in range(20):
            recorded.keeper.take(said(number, request={"messages": "x" * (MB // 2)}))
        held, dropped = recorded.keeper.held_bytes, recorded.keeper.dropped_count
        os.kill(recorded.recorder.pid, signal.SIGCONT)
        await recorded.written()

        assert 20 - dropped == len(await recorded.ids())
    assert held <= 4 * MB
    assert dropped == recorded.keeper.dropped_count == 20 - 4 * MB // (MB // 2 + COST_BYTES + 200)


async def test_rows_wait_for_a_lost_database(recording, said, caplog):
    """They are written when it is back, and both are told once."""
    async with recording() as recorded:
        await recorded.database.execute(f"ALTER TABLE {TABLE} RENAME TO hidden")
        for number in range(5):
            recorded.keeper.take(said(number))
        await recorded.until(lambda: any("bodies_database_lost" in line.message for line in caplog.records))
        await recorded.database.execute(f"ALTER TABLE hidden RENAME TO {TABLE}")
        await recorded.written()

        assert 5 == len(await recorded.ids())
    assert (0, 0) == (recorded.keeper.dropped_count, recorded.keeper.failure_count)


async def test_database_that_stays_lost_does_not_hold_the_server_up(recording, said):
    """It stops in time, and says what was lost."""
    async with recording() as recorded:
        await recorded.database.execute(f"DROP TABLE {TABLE}")
        recorded.keeper.take(said(1))
        began_at = time.monotonic()

    assert time.monotonic() - began_at < DEADLINE_S
    assert 1 == recorded.keeper.dropped_count


async def test_oldest_bodies_go_when_there_are_too_many(recording, said):
    """The table keeps below its bound, whatever its age."""
    async with recording(max_kept=MB) as recorded:
        for number in range(8):
            recorded.keeper.take(said(number, request={"messages": "x" * (MB // 4), "model": "m"}, age_s=1000 - number))
            await recorded.written()

        ids = await recorded.ids()
        (size,) = [row["size"] for row in await recorded.database.select(f"SELECT sum(size_bytes) AS size FROM {TABLE}")]
    assert size <= MB
    assert [f"req-{number:08}" for number in range(5, 8)] == ids


async def test_old_bodies_go_with_the_history(recording, said):
    """After the same days."""
    async with recording() as recorded:
        recorded.keeper.take(said(1, age_s=8 * 86400))
        recorded.keeper.take(said(2, age_s=6 * 86400))
        await recorded.written()

        deleted = await clean(recorded.database, int((time.time() - 7 * 86400) * 1000))

        assert (1, ["req-00000002"]) == (deleted, await recorded.ids())


ODD = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b'{"a": "\\ud83d"}',
    b'{"a": "\\u0000"}',
    b'{"a": 1e999, "b": NaN}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": 123456789012345678901234567890}',
    b'"only text"',
    b"data: {}\n\n",
)


@pytest.mark.parametrize("policy", ["masked", "full"])
async def test_whatever_somebody_wrote_is_one_row(recording, said, policy):
    """Both documents are JSON that both databases take; no call is lost for another's."""
    async with recording(policy) as recorded:
        for number, body in enumerate(ODD):
            recorded.keeper.take(said(number, body, body))
        await recorded.written()

        assert [True] * len(ODD) == [bool(await recorded.find(number)) for number in range(len(ODD))]
    assert (0, 0) == (recorded.keeper.dropped_count, recorded.keeper.failure_count)


async def test_recorder_gets_no_secret_and_no_password_on_its_command_line(recording, monkeypatch):
    """What anybody on the machine can read of it holds neither."""
    monkeypatch.setenv("SOME_API_KEY", "sk_very_secret")
    async with recording() as recorded:
        await recorded.until(lambda: recorded.recorder.pid)
        folder = Path(f"/proc/{recorded.recorder.pid}")
        command, environment = (folder.joinpath(name).read_bytes() for name in ("cmdline", "environ"))

    assert b"llmlb_storage_history.bodies" in command
    assert b"postgres" not in command
    assert b"sk_very_secret" not in environment
