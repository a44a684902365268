"""What a call is answered with when something was raised on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llmlb_core.domain.records import Record
from llmlb_core.errors import CallError, InternalError
from llmlb_core.stages.deadline import Deadline
from llmlb_core.telemetry.log import get_logger

Blame = Callable[[BaseException], None]

_log = get_logger("pipeline")


def failure_of(error: BaseException, deadline: Deadline, record: Record, blame: Blame) -> CallError | None:
    """Return the error that the client is told, or None where the client has left; note it in *record*.

    Anything but a ``CallError`` comes from a dialect, router or policy of a plugin, or is a defect of ours: it is this call's
    error and nobody else's, the log has its traceback, and *blame* finds the plugin whose status counts it.
    """
    failure = deadline.reason() if isinstance(error, asyncio.CancelledError) else error
    if failure is None:
        record.ending = "cancelled"
        return None
    if not isinstance(failure, CallError):
        _log.exception("call_raised", call=record.id)
        blame(failure)
        failure = InternalError(
            f"This call failed unexpectedly ({type(error).__name__}); the server's log says more under {record.id}."
        )
    elif failure.culprit is not None:
        blame(failure)
    record.ending, record.error_code = "failed", failure.code
    waited_s = failure.extras.get("waited_secs")
    if isinstance(waited_s, int | float):
        record.queue_wait_s = float(waited_s)
    return failure
