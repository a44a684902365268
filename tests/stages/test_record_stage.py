"""The stage ``record``: everybody is told, nobody can disturb."""

import asyncio
import io
import json
import time
from types import MappingProxyType

import pytest
from llmlb_testing.calls import make_call

from llmlb_core import Authorizer, Feedback, Principal, Record, Target, Usage
from llmlb_core.domain.results import Delivered
from llmlb_core.errors import ModelNotAllowed, RateLimited
from llmlb_core.stages.authorize import Authorize
from llmlb_core.stages.record import BATCH, Recorder
from llmlb_core.telemetry.access import AccessLog
from llmlb_core.telemetry.calls import CallMetrics


class Sent:
    """What an outlet knows at the end."""

    bytes_out = 692


class Noting(Feedback):
    """Keeps what it is told."""

    name = "noting"

    def __init__(self):
        self.seen = []

    def on_end(self, record):
        self.seen.append((record.id, record.bytes_out, record.duration_s > 0))


class Raising(Feedback):
    """Cannot."""

    name = "raising"

    def on_end(self, record):
        raise KeyError(record.id)


async def test_record_is_complete_when_it_is_handed_on():
    """Duration and bytes are known to feedback, metrics and log alike."""
    noting, calls, stream = Noting(), CallMetrics(), io.StringIO()
    log = AccessLog(stream)

    recorder = Recorder(log, calls=calls, feedbacks={"noting": noting})
    recorder(Record("req-1", time.monotonic() - 2), Sent())
    recorder.flush()
    log.flush()

    assert [("req-1", 692, True)] == noting.seen
    assert json.loads(stream.getvalue())["duration_ms"] >= 2000
    assert 1 == sum(calls.collect()[1].histograms[0].counts)


async def test_raising_feedback_is_told_of_and_hurts_no_other():
    """Its plugin's status says so, the log line is written, the call is over."""
    noting, faults, stream = Noting(), [], io.StringIO()
    log = AccessLog(stream)
    feedbacks = {"raising": Raising(), "noting": noting}

    def withdraw(name, error):
        faults.append((name, type(error).__name__))
        feedbacks.clear()  # what the host may do to a mapping that was just walked

    recorder = Recorder(log, feedbacks=MappingProxyType(feedbacks), fault=withdraw)
    recorder(Record("req-1", 0.0), Sent())
    recorder.flush()
    log.flush()

    assert [("raising", "KeyError")] == faults
    assert 1 == len(noting.seen)
    assert "req-1" in stream.getvalue()


class Batches(list):
    """A way to observers that keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.came = asyncio.Event()

    def take(self, records):
        self.append([each.id for each in records])
        self.came.set()


async def test_records_are_handed_on_in_batches():
    """A few after a moment, many at once, in order, each once."""
    batches = Batches()
    recorder = Recorder(None, delivery=batches)

    for number in range(3):
        recorder(Record(str(number), 0.0), Sent())
    async with asyncio.timeout(10):
        await batches.came.wait()
    few = [*batches]
    for number in range(3, 2 * BATCH + 10):
        recorder(Record(str(number), 0.0), Sent())
    recorder.flush()
    recorder.flush()

    assert [["0", "1", "2"]] == few
    assert [3, BATCH, BATCH, 7] == [len(each) for each in batches]
    assert [str(number) for number in range(2 * BATCH + 10)] == [each for batch in batches for each in batch]


async def test_metrics_are_up_to_date_whenever_they_are_read():
    """What is kept back is counted before anybody sees a number."""
    calls = CallMetrics()
    recorder = Recorder(None, calls=calls)

    recorder(Record("1", 0.0, served_by="e", choice_reason="idle"), Sent())
    chosen = calls.selections()
    recorder(Record("2", 0.0), Sent())

    assert {("e", "idle"): 1} == chosen
    assert 2 == sum(calls.collect()[1].histograms[0].counts)


class Counting(Authorizer):
    """Lets two calls pass."""

    name = "counting"

    def __init__(self):
        self.left = 2

    def veto(self, principal, call, target):
        return None if target.model == "allowed" else "Not this one."

    def admit(self, principal, call):
        if not self.left:
            raise RateLimited("Used up.", retry_after_s=3)
        self.left -= 1


def test_a_call_is_counted_once_whatever_it_resolved_to():
    """And not at all where no target is allowed."""
    counting = Counting()
    authorize = Authorize([counting])
    call = make_call()
    call.principal = Principal("A", scopes=frozenset({"api"}))
    targets = (Target("allowed", ()), Target("forbidden", ()), Target("allowed", ()))

    with pytest.raises(ModelNotAllowed):
        authorize(call, targets[1:2])
    allowed = [len(authorize(call, targets)) for _ in range(2)]

    assert [2, 2] == allowed
    with pytest.raises(RateLimited):
        authorize(call, targets)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"ending": "finished", "usage": Usage(3, 4)}, Usage(3, 4)),
        ({"ending": "cancelled", "usage": Usage(3, 4)}, Usage(3, 4, is_partial=True)),
        ({"ending": "finished", "delivered": Delivered(6, 20)}, Usage(0, 6, is_counted=True)),
        ({"ending": "cancelled", "delivered": Delivered(6, 20)}, Usage(0, 6, is_counted=True, is_partial=True)),
        ({"ending": "failed", "delivered": Delivered()}, None),
        ({"ending": "cancelled"}, None),
    ],
)
async def test_usage_says_whether_it_was_told_and_whether_it_is_all(facts, expected):
    """Rules 9 and 10: what went out, reported or counted, partial where the call did not finish; of nothing there is none."""
    record = Record("1", time.monotonic(), **facts)
    shared = facts.get("usage")

    recorder = Recorder(None)
    recorder(record, Sent())
    recorder.flush()

    assert expected == record.usage
    assert shared is None or not shared.is_partial  # whoever told it may hold it for other calls
