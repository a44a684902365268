"""Rule 10: ``GET /v0/requests/<id>`` shows every attempt in order, with reason and duration, and where usage comes from."""

import pytest
from llmlb_storage_history.api import shown

from llmlb_core import Attempt, Usage
from llmlb_core.storage.rows import current_database


async def shown_of(kept, record):
    """Return what is shown of *record* once it is written."""
    await kept.write(record)
    return shown(await kept.history.find(record.id))


async def test_a_call_that_went_well_at_once_shows_its_attempt(kept, make_record):
    """From what its row tells anyway."""
    record = make_record(model="m", served_by="a", choice_reason="idle", status=200, duration_s=2.0, queue_wait_s=0.5)

    answer = await shown_of(kept, record)

    assert 1 == answer["attempt_count"]
    assert [
        {
            "endpoint": "a",
            "model": "m",
            "outcome": "completed",
            "reason": "",
            "rule": "",
            "status": 200,
            "choice_reason": "idle",
            "duration_ms": 1500.0,
        }
    ] == answer["attempts"]


async def test_attempts_are_shown_in_order_with_what_brought_the_call_on(kept, make_record):
    """Each with endpoint, model, outcome, reason, rule and duration; the one that served is the last."""
    record = make_record(model="m", served_by="c", status=200, duration_s=3.0)
    record.end_attempt(Attempt("a", "failed", "bad_gateway", 0.5, "idle", "m", "", 502))
    record.begin_attempt("retry_same", record.started_at + 0.5)
    record.end_attempt(Attempt("a", "failed", "endpoint_timeout", 0.5, "idle", "m", "retry_same", 504))
    record.begin_attempt("fallback_model", record.started_at + 1.0)
    record.served_model = "n"

    answer = await shown_of(kept, record)

    assert 3 == answer["attempt_count"]
    assert [
        ("a", "m", "failed", "bad_gateway", "", 502, 500.0),
        ("a", "m", "failed", "endpoint_timeout", "retry_same", 504, 500.0),
        ("c", "n", "completed", "", "fallback_model", 200, 2000.0),
    ] == [
        tuple(each[name] for name in ("endpoint", "model", "outcome", "reason", "rule", "status", "duration_ms"))
        for each in answer["attempts"]
    ]


async def test_a_call_that_nothing_served_shows_what_was_tried(kept, make_record):
    """None at all where it never came so far."""
    never = make_record(1, served_by="", status=401, ending="failed", error_code="invalid_api_key")
    tried = make_record(2, served_by="", status=502, ending="failed", error_code="bad_gateway")
    tried.end_attempt(Attempt("a", "failed", "bad_gateway", 0.1))

    answers = [await shown_of(kept, record) for record in (never, tried)]

    assert [[], ["a"]] == [[each["endpoint"] for each in answer["attempts"]] for answer in answers]
    assert [0, 1] == [answer["attempt_count"] for answer in answers]


async def test_another_model_that_served_at_once_is_named(kept, make_record):
    """The row's model is what the client wrote."""
    answer = await shown_of(kept, make_record(model="m", served_model="n", served_by="a"))

    assert ("m", ["n"]) == (answer["model"], [each["model"] for each in answer["attempts"]])


async def test_rows_of_before_the_migration_are_shown_too(kept, make_record):
    """Their reasons had another name, and nothing was told of models and rules."""
    record = make_record(served_by="b")
    record.end_attempt(Attempt("a", "failed", "bad_gateway", 0.1))
    record.begin_attempt("failover", record.started_at)
    await kept.write(record)
    told = '[{"endpoint": "a", "error_code": "refused", "choice_reason": "idle", "duration_ms": 10.0}]'
    await current_database().execute_many(
        "UPDATE storage_history_requests SET failed_attempts = ?, last_attempt = NULL, is_usage_counted = NULL", [(told,)]
    )

    answer = shown(await kept.history.find(record.id))

    assert [("a", "failed", "refused"), ("b", "completed", "")] == [
        (each["endpoint"], each["outcome"], each["reason"]) for each in answer["attempts"]
    ]
    assert answer["is_usage_counted"] is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, (None, None, None)),
        (Usage(3, 4), (4, False, False)),
        (Usage(3, 4, is_partial=True), (4, False, True)),
        (Usage(0, 4, is_counted=True, is_partial=True), (4, True, True)),
    ],
)
async def test_usage_says_where_it_comes_from(kept, make_record, usage, expected):
    """Reported or counted, whole or partial."""
    answer = await shown_of(kept, make_record(usage=usage))

    assert expected == tuple(answer[name] for name in ("completion_tokens", "is_usage_counted", "is_usage_partial"))
