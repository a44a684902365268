"""On a large table every page is a walk along an index: nothing is sorted, nothing is read that is not shown."""

import pytest
from llmlb_storage_history.columns import TABLE
from llmlb_storage_history.query import _COUNT, _ONE, _PAGE, Cursor, Filter
from llmlb_storage_history.retention import _DELETE, STEP

ROWS = 200_000
FILL = f"""
INSERT INTO {TABLE} (id, started_at, duration_ms, queue_ms, principal, operation, model, endpoint, stream, status, ending,
    attempts, bytes_in, bytes_out, client_address)
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {ROWS})
SELECT 'req-' || i, 1700000000000 + i * 1000, 10, 0, 'key:' || (i % 50), 'chat', 'model-' || (i % 20), 'e', i % 2 = 0,
    CASE WHEN i % 1000 = 0 THEN 502 ELSE 200 END, 'finished', 1, 100, 100, '127.0.0.1' FROM numbers
"""
MIDDLE = 1700000000000 + ROWS // 2 * 1000
FILTERS = {
    "all": Filter(),
    "model": Filter(model="model-7"),
    "principal": Filter(principal="key:7"),
    "rare status": Filter(status=502),
    "common status": Filter(status=200),
    "time": Filter(since_ms=MIDDLE, until_ms=MIDDLE + 5_000_000),
    "model and time": Filter(model="model-7", since_ms=MIDDLE),
}


async def explain(kept, statement, values):
    """Return the plan as one text."""
    if not kept.database.is_postgres:
        rows = await kept.database.select(f"EXPLAIN QUERY PLAN {statement}", values)
        return "\n".join(str(row["detail"]) for row in rows)
    rows = await kept.database.select(f"EXPLAIN {statement}", values)
    return "\n".join(str(next(iter(row.values()))) for row in rows)


@pytest.fixture
async def large(kept):
    """A history of 200,000 calls."""
    await kept.database.execute(FILL)
    await kept.database.execute("ANALYZE")
    return kept


async def test_pages_walk_along_an_index(large):
    """Of every filter, of the first page, of one in the middle and from a cursor on."""
    for name, wanted in FILTERS.items():
        for after in (None, Cursor(MIDDLE, "req-1")):
            where, values = wanted.where(after)
            plan = await explain(large, _PAGE.format(where=where), (*values, 101, 0))

            assert "index" in plan.lower(), f"{name}: {plan}"
            assert "TEMP B-TREE" not in plan, f"{name}: {plan}"
            assert "Sort" not in plan, f"{name}: {plan}"
            assert "Seq Scan" not in plan, f"{name}: {plan}"


@pytest.mark.parametrize(
    ("name", "index"), [("model", "by_model"), ("principal", "by_principal"), ("rare status", "by_status"), ("time", "by_time")]
)
async def test_each_filter_has_its_index(large, name, index):
    """The page and the bounded count alike."""
    where, values = FILTERS[name].where()

    page = await explain(large, _PAGE.format(where=where), (*values, 101, 0))

    assert index in page
    if name != "time" or not large.database.is_postgres:  # a small range may be counted by a bitmap as well
        assert index in await explain(large, _COUNT.format(where=where), (*values, 10_001))


async def test_one_row_and_old_rows_are_found_by_index(large):
    """Neither a look at one call nor the cleaning reads the table."""
    one = await explain(large, _ONE, ("req-77",))
    delete = await explain(large, _DELETE.format(TABLE), (MIDDLE, STEP))

    assert "index" in one.lower()
    assert "Seq Scan" not in one
    assert "by_time" in delete


async def test_a_total_is_counted_up_to_its_bound(large):
    """However many rows there are."""
    assert [10_001, 10_000, 200] == [await large.history.count(FILTERS[name]) for name in ("all", "model", "rare status")]
