"""The stage ``record``: everybody is told, nobody can disturb."""

import io
import json
import time
from types import MappingProxyType

import pytest
from llmlb_testing.calls import make_call

from llmlb_core import Authorizer, Feedback, Principal, Record, Target
from llmlb_core.errors import ModelNotAllowed, RateLimited
from llmlb_core.stages.authorize import Authorize
from llmlb_core.stages.record import Recorder
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

    Recorder(log, calls=calls, feedbacks={"noting": noting})(Record("req-1", time.monotonic() - 2), Sent())
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

    Recorder(log, feedbacks=MappingProxyType(feedbacks), fault=withdraw)(Record("req-1", 0.0), Sent())
    log.flush()

    assert [("raising", "KeyError")] == faults
    assert 1 == len(noting.seen)
    assert "req-1" in stream.getvalue()


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
