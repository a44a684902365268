"""``/v0/requests``, as an administrator's client uses it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from llmlb_storage_history.api import blueprint
from llmlb_storage_history.writer import Writer
from quart import Quart

from llmlb_core.storage.rows import current_database
from llmlb_core.web import errors


@pytest.fixture
async def served(serving):
    """A running plugin, a client of its pages, and a way to bring records in at once."""
    async with serving() as (plugin, instance):
        app = Quart("test")
        errors.install(app)
        app.register_blueprint(blueprint(plugin), url_prefix="/v0/requests")
        yield Served(app.test_client(), instance, Writer(instance.journal, current_database()))


class Served:
    def __init__(self, client, instance, writer):
        self._client, self._instance, self._writer = client, instance, writer

    async def write(self, *records):
        await self._instance.journal.observe(records)
        assert await self._writer.flush()

    async def get(self, path="", **query):
        response = await self._client.get(f"/v0/requests{path}", query_string=query)
        return response.status_code, await response.get_json()

    async def numbers(self, **query):
        status, answer = await self.get(**query)
        assert 200 == status, answer
        return [int(row["id"].removeprefix("req-")) for row in answer["requests"]]


async def test_newest_calls_come_first(served, make_record):
    """Ten of them, with the total and where to go on."""
    await served.write(*(make_record(number, age_s=100 - number) for number in range(30)))

    status, answer = await served.get()

    assert 200 == status
    assert [f"req-{number:08}" for number in range(29, 19, -1)] == [row["id"] for row in answer["requests"]]
    assert (1, 10, 30, True) == tuple(answer[name] for name in ("page", "per_page", "total", "is_total_exact"))
    began_at = datetime.fromisoformat(answer["requests"][0]["started_at"])
    assert abs(began_at.timestamp() - (time.time() - 71)) < 2
    assert answer["requests"][0]["stream"] is False


@pytest.mark.parametrize(("asked", "size"), [(1, 10), (10, 10), (11, 25), (26, 50), (99, 100), (100, 100), (10**9, 100)])
async def test_page_sizes_snap(served, asked, size):
    """10, 25, 50 or 100, whatever is asked for."""
    _, answer = await served.get(per_page=asked)

    assert size == answer["per_page"]


async def test_pages_and_cursors_show_every_call_once(served, make_record):
    """Also calls that began in the same millisecond."""
    records = [make_record(number) for number in range(57)]
    for record in records:
        record.started_at = records[0].started_at
    await served.write(*records)
    expected = list(range(56, -1, -1))

    by_page = [number for page in range(1, 7) for number in await served.numbers(page=page)]
    by_cursor, following = [], {}
    while True:
        _, answer = await served.get(**following)
        by_cursor += [int(row["id"].removeprefix("req-")) for row in answer["requests"]]
        if answer["next"] is None:
            break
        following = {"before": answer["next"]}

    assert expected == by_page
    assert expected == by_cursor


async def test_cursor_is_not_moved_by_new_calls(served, make_record):
    """What came meanwhile is not between the pages."""
    await served.write(*(make_record(number, age_s=100 - number) for number in range(20)))
    _, first = await served.get()
    await served.write(make_record(99))

    rest = await served.numbers(before=first["next"])

    assert list(range(9, -1, -1)) == rest


async def test_filters_narrow_and_combine(served, make_record):
    """Model, principal, status, and a time from which and until which."""
    await served.write(
        make_record(1, model="a", principal="key:1", age_s=400),
        make_record(2, model="b", principal="key:1", age_s=300),
        make_record(3, model="a", principal="key:2", status=502, age_s=200),
        make_record(4, model="a", principal="key:1", status=0, ending="cancelled", age_s=100),
    )
    now = datetime.now(UTC)

    def ago(seconds):
        return (now - timedelta(seconds=seconds)).isoformat()

    assert [4, 3, 1] == await served.numbers(model="a")
    assert [4, 2, 1] == await served.numbers(principal="key:1")
    assert [3] == await served.numbers(status=502)
    assert [4] == await served.numbers(status=0)
    assert [2, 1] == await served.numbers(status=200)
    assert [4, 1] == await served.numbers(model="a", principal="key:1")
    assert [4, 3] == await served.numbers(since=ago(250))
    assert [3, 2] == await served.numbers(since=ago(350), until=ago(150))
    assert [] == await served.numbers(model="' OR 1=1 --")


async def test_one_call_is_shown_by_id(served, make_record):
    """The same document as in the list, and that nothing is kept of what it said; 404 where there is none."""
    await served.write(make_record(1))

    status, one = await served.get("/req-00000001")
    _, listed = await served.get()
    missing, answer = await served.get("/req-0")

    assert (200, {**listed["requests"][0], "request_body": None, "answer_body": None, "bodies": None}) == (status, one)
    assert (404, "request_not_found") == (missing, answer["error"]["code"])


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02 03:04:05 00:00",
        "2026-01-02T03Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
async def test_times_are_understood_as_people_write_them(served, moment):
    """A plus in a query arrives as a space."""
    status, _ = await served.get(since=moment)

    assert 200 == status


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"status": "ok"}, "status"),
        ({"status": "-1"}, "status"),
        ({"status": "1000"}, "status"),
        ({"status": "٣"}, "status"),
        ({"page": "0"}, "page"),
        ({"page": "1e3"}, "page"),
        ({"page": "9" * 5000}, "page"),
        ({"page": "1001"}, "page"),
        ({"per_page": "0"}, "per_page"),
        ({"per_page": ""}, "per_page"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-02T03:04:05"}, "since"),
        ({"until": "\0"}, "until"),
        ({"before": "x"}, "before"),
        ({"before": "12:"}, "before"),
        ({"before": ":req-1"}, "before"),
        ({"before": "9" * 30 + ":a"}, "before"),
        ({"before": "12:a", "page": "2"}, "before"),
        ({"sort": "model"}, "sort"),
    ],
)
async def test_bad_query_is_400_with_its_param(served, query, param):
    """Whatever is wrong is named."""
    status, answer = await served.get(**query)

    assert (400, param) == (status, answer["error"]["param"])


@pytest.mark.parametrize("query", [{"model": "a\0b"}, {"model": "x" * 5000}, {"principal": "漢"}, {"before": "12:a\0"}])
async def test_odd_text_finds_nothing_and_breaks_nothing(served, query):
    """Every database takes it."""
    status, answer = await served.get(**query)

    assert (200, []) == (status, answer["requests"])


async def test_lost_database_is_503(served):
    """And it says that calls are served meanwhile."""
    await current_database().execute("ALTER TABLE storage_history_requests RENAME TO hidden")

    status, answer = await served.get()

    assert (503, "database_unavailable") == (status, answer["error"]["code"])


async def test_closed_plugin_is_503():
    """Before its lifespan, and after."""
    from pathlib import Path

    from llmlb_core import Plugin

    app = Quart("test")
    errors.install(app)
    app.register_blueprint(blueprint(Plugin("storage_history", Path())), url_prefix="/v0/requests")

    response = await app.test_client().get("/v0/requests")

    assert 503 == response.status_code
