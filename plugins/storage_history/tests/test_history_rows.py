"""What is written of a call, on both databases."""

import json
import time

import pytest
from llmlb_storage_history.journal import BATCH, MAX_BATCH
from llmlb_storage_history.query import Filter

from llmlb_core import Attempt, Usage

EVERYTHING = Filter()


async def test_a_row_has_every_fact_of_its_call(kept, make_record):
    """Times are milliseconds, the start is of the wall clock although records know only the monotonic one."""
    record = make_record(
        principal="key:3f",
        model="org/model:q4",
        served_by="gpu1",
        choice_reason="lowest wait",
        stream=True,
        status=200,
        duration_s=1.25,
        first_token_s=0.2,
        queue_wait_s=0.05,
        client_address="::1",
        bytes_in=928,
        bytes_out=692,
        usage=Usage(10, 20, 3),
        attempts=[Attempt("gpu0", "failed", "refused", 0.01, "idle")],
        age_s=60,
    )

    await kept.write(record)
    row = await kept.history.find(record.id)

    assert row is not None
    assert abs(row.pop("started_at") / 1000 - (time.time() - 60)) < 2
    assert ["gpu0"] == [each["endpoint"] for each in json.loads(row.pop("failed_attempts"))]
    assert "gpu1" == json.loads(row.pop("last_attempt"))["endpoint"]
    assert {
        "id": record.id,
        "duration_ms": 1250.0,
        "first_token_ms": 200.0,
        "queue_ms": 50.0,
        "principal": "key:3f",
        "operation": "chat",
        "model": "org/model:q4",
        "endpoint": "gpu1",
        "stream": True,
        "status": 200,
        "ending": "finished",
        "error_code": None,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cached_tokens": 3,
        "attempts": 2,
        "bytes_in": 928,
        "bytes_out": 692,
        "client_address": "::1",
        "choice_reason": "lowest wait",
        "is_usage_counted": False,
        "is_usage_partial": False,
    } == row


async def test_a_call_that_failed_early_has_a_row_too(kept, make_record):
    """Nothing is known of it but when, where from, and why not."""
    record = make_record(
        model="", principal="", operation="", served_by="", status=401, ending="failed", error_code="invalid_api_key"
    )

    await kept.write(record)
    row = await kept.history.find(record.id)

    assert (401, "failed", "invalid_api_key", 0, None) == tuple(
        row[name] for name in ("status", "ending", "error_code", "attempts", "prompt_tokens")
    )


@pytest.mark.parametrize("model", ["a\0b", "\ud800", "x" * 100_000, "漢字 '; DROP TABLE requests; --", '"', "?", "$1", "%s"])
async def test_whatever_a_client_calls_its_model_is_written_with_its_batch(kept, model, make_record):
    """One bad character must not lose the rows beside it."""
    await kept.write(make_record(1), make_record(2, model=model), make_record(3))

    assert ["req-00000003", "req-00000002", "req-00000001"] == await kept.ids()


@pytest.mark.parametrize("tokens", [2**62, 2**80, -5])
async def test_whatever_a_server_says_it_used_is_written(kept, tokens, make_record):
    """Numbers that no column holds are cut."""
    await kept.write(make_record(1, usage=Usage(tokens, tokens, tokens)))

    assert min(tokens, 2**62) == (await kept.history.find("req-00000001"))["prompt_tokens"]


async def test_a_batch_written_twice_is_there_once(kept, make_record):
    """After a connection that broke between the commit and its answer."""
    records = [make_record(number) for number in range(10)]

    await kept.write(*records)
    await kept.write(*records)

    assert 10 == await kept.history.count(EVERYTHING)


@pytest.mark.parametrize("count", [1, 99, BATCH, BATCH + 111, MAX_BATCH, MAX_BATCH + 1])
async def test_every_record_is_written_once(kept, count, make_record):
    """Whatever the batches are."""
    await kept.write(*(make_record(number) for number in range(count)))

    assert count == await kept.history.count(EVERYTHING)
    assert not kept.journal.waiting
