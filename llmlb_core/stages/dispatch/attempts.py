"""Trying a call at one endpoint after another, until content comes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence

from llmlb_core.contracts.endpoint import Exchange, Result
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Outcome, Target
from llmlb_core.domain.records import Attempt, Record
from llmlb_core.domain.results import Vectors
from llmlb_core.errors import CallError, EndpointFailed, ModelLoading, NoEndpoint
from llmlb_core.stages.acquire import Acquire, Lease
from llmlb_core.stages.dispatch.answer import Answer, RelayedAnswer, ResultsAnswer
from llmlb_core.telemetry.log import get_logger

MAX_ATTEMPTS = 3
MAX_HELD = 64
"""Results without content that are held back while failover is still free."""

_log = get_logger("dispatch")


class Dispatch:
    """Opens the call at the leased endpoint; after a failure that allows it, at another one."""

    def __init__(self, acquire: Acquire) -> None:
        """Get further leases from *acquire*."""
        self._acquire = acquire

    async def __call__(self, call: Call, targets: Sequence[Target], lease: Lease, record: Record) -> Answer:
        """Return an answer whose first content is there. Owns *lease* from the first moment.

        Raises:
            CallError: What the last attempt failed with.
        """
        tried: frozenset[str] = frozenset()
        while True:
            started_at = time.monotonic()
            try:
                return await (_relay(call, lease) if lease.endpoint.speaks(call.dialect.name) else _open(call, lease))
            except CallError as error:
                tried |= {lease.endpoint.id}
                seconds = time.monotonic() - started_at
                record.attempts.append(Attempt(lease.endpoint.name, "failed", error.code, seconds, lease.choice.reason))
                if not error.is_retryable or len(tried) >= MAX_ATTEMPTS:
                    raise _last_word(error) from None
                try:
                    lease = await self._acquire(call, targets, exclude=tried)
                except NoEndpoint:
                    raise _last_word(error) from None


def _last_word(error: CallError) -> CallError:
    """Return what the client is told after the last attempt: what still loads is no failure, it is there in a while."""
    if isinstance(error, EndpointFailed) and error.code == "model_loading":
        return ModelLoading(error.message, retry_after_s=error.retry_after_s)
    return error


async def _open(call: Call, lease: Lease) -> Answer:
    """Open *call* at the lease's endpoint and wait for its first content; gives the lease back if there is none."""
    results = lease.endpoint.open(call, lease.target.model)
    assert isinstance(results, AsyncGenerator)
    outcome: Outcome | None = Outcome.CANCELLED
    failure: CallError | None = None
    try:
        held: list[Result] = []
        async for result in results:
            held.append(result)
            if isinstance(result, Vectors) or result.has_content or len(held) >= MAX_HELD:
                break
        answer = ResultsAnswer(lease, held, results)
    except CallError as error:
        outcome, failure = Outcome.FAILED, error
        raise
    except Exception as error:
        outcome, failure = Outcome.FAILED, _defect(call, lease)
        raise failure from error
    else:
        outcome = None
        if lease.is_probe:
            lease.proved()
        return answer
    finally:
        if outcome is not None:
            try:
                await results.aclose()
            finally:
                lease.release(outcome, failure)
                failure = None  # its traceback knows this frame: no circle


async def _relay(call: Call, lease: Lease) -> Answer:
    """Send *call* as it is and wait until its answer commits."""
    outcome: Outcome | None = Outcome.CANCELLED
    failure: CallError | None = None
    exchange: Exchange | None = None
    try:
        exchange = lease.endpoint.relay(call, lease.target.model)
        await exchange.committed
    except CallError as error:
        outcome, failure = Outcome.FAILED, error
        raise
    except Exception as error:
        outcome, failure = Outcome.FAILED, _defect(call, lease)
        raise failure from error
    else:
        outcome = None
        if lease.is_probe:
            lease.proved()
        return RelayedAnswer(lease, exchange)
    finally:
        # Decided by what happened here, not by the future: a client may leave in the very step in which the answer commits.
        if outcome is not None:
            if exchange is not None:
                exchange.abort()
            lease.release(outcome, failure)
            failure = None  # its traceback knows this frame: no circle


def _defect(call: Call, lease: Lease) -> EndpointFailed:
    """Log the exception being handled: an endpoint of a plugin raised it, so it is this attempt's failure, not ours."""
    _log.exception("endpoint_raised", endpoint=lease.endpoint.name, call=call.id)
    return EndpointFailed(f"Endpoint '{lease.endpoint.name}' failed unexpectedly; the server's log has the details.")
