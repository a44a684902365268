"""One attempt of a call at one endpoint, until its first content is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from math import inf

from attrs import frozen

from llmlb_core.contracts.endpoint import Exchange, Result
from llmlb_core.contracts.endpoint_kind import Continuation
from llmlb_core.contracts.streams import Identity
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Outcome
from llmlb_core.domain.media import AudioChunk
from llmlb_core.domain.results import Delta, Vectors
from llmlb_core.domain.transcript import Echo, Transcript
from llmlb_core.errors import AnswerDiffers, CallError, EndpointFailed, EndpointTimeout
from llmlb_core.stages.acquire import Lease
from llmlb_core.stages.dispatch.answer import Answer, RelayedAnswer, ResultsAnswer
from llmlb_core.stages.dispatch.echo import echoed
from llmlb_core.stages.dispatch.tries import TOO_SLOW
from llmlb_core.telemetry.log import get_logger
from llmlb_core.upstream.refusals import speaks_of_window

ALONE = inf
"""A limit that is none: nothing else could serve the call, so all that the endpoint may take is waited for, its head included."""
MAX_HELD = 64
"""Results without content that are held back while failover is still free."""

PLAIN_COMMIT_CHARACTERS = 1024 * 1024
"""Of a plain answer so much is held back, so that one that breaks can be tried elsewhere."""

_log = get_logger("dispatch")


class WindowTooSmall(Exception):
    """A server refused the prompt as too long for its model.

    Attributes:
        answer: Its own, whole, its lease given back; the client is given it where no other model may take the call.
    """

    def __init__(self, answer: RelayedAnswer) -> None:
        """Keep *answer*."""
        super().__init__()
        self.answer = answer


@frozen
class Follows:
    """What the answer goes on with.

    Attributes:
        delivered: What is out of an answer that broke: it is said again, compared and held back.
        identity: What the events of that answer have in common.
        continuation: What was asked for instead of all: then only the rest is said.
    """

    delivered: Transcript
    identity: Identity | None
    continuation: Continuation | None = None

    async def committed(self, exchange: Exchange, lease: Lease) -> None:
        """Return when *exchange*, which holds back what was delivered or goes on with it, has more.

        Raises:
            AnswerDiffers: It cannot be compared.
            EndpointFailed: The endpoint of *lease*, which is given back, refuses the call: no fault of it, and no answer either.
        """
        name = lease.endpoint.name
        if self.continuation is None:
            follows = exchange.follow(self.delivered, self.identity)
        else:
            follows = exchange.go_on(self.delivered, self.identity, is_capped=self.continuation.is_capped)
        if not follows:
            raise AnswerDiffers(f"What endpoint '{name}' would answer cannot be compared with what was delivered.")
        await exchange.committed
        if exchange.status != 200:
            lease.release(Outcome.COMPLETED)
            raise EndpointFailed(f"Endpoint '{name}' refused to go on with the call ({exchange.status}).")


def attempt(call: Call, lease: Lease, limit_s: float, follows: Follows | None = None) -> Coroutine[None, None, Answer]:
    """Return what brings the answer of the lease's endpoint when its first content is there; without any it gives the lease back.

    Args:
        call: Of the endpoint's dialect, or with its canonical request.
        lease: Owned from the first moment.
        limit_s: How long the first content of a stream may take; 0 = as long as the endpoint's own limits say, ``ALONE`` = as its
            limit for the first content says, whatever that for its head is.
        follows: What it goes on with; None = it is the first.

    Raises:
        CallError: The attempt failed.
        WindowTooSmall: The prompt does not fit this model.
    """
    open_it = _relay if lease.endpoint.speaks(call.dialect.name) else _open
    return open_it(call, lease, limit_s, follows)  # with no coroutine of its own: every call would pay for it


async def _open(call: Call, lease: Lease, limit_s: float, follows: Follows | None) -> Answer:
    results = _results(call, lease)
    echo = None
    if follows is not None:
        echo = Echo(follows.delivered)
        results = echoed(results, echo, lease.endpoint.name)
    outcome: Outcome | None = Outcome.CANCELLED
    failure: CallError | None = None
    try:
        if 0 < limit_s < ALONE:
            try:
                async with asyncio.timeout(limit_s):
                    held = await _until_commit(call, results)
            except TimeoutError:
                raise EndpointTimeout(
                    f"Endpoint '{lease.endpoint.name}' sent nothing of its stream within {limit_s:g} s.", code=TOO_SLOW
                ) from None
        else:
            held = await _until_commit(call, results)
        answer = ResultsAnswer(lease, held, results)
        if echo is not None and follows is not None:
            answer.goes_on(echo.said, follows.identity)
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


def _results(call: Call, lease: Lease) -> AsyncGenerator[Result, None]:
    """Return what the endpoint yields; what it raises at once is raised when the first result is asked for."""
    try:
        results = lease.endpoint.open(call, lease.target.model)
        assert isinstance(results, AsyncGenerator)
    except Exception as error:  # noqa: BLE001  # not lost: it is the attempt's failure
        return _failing(error)
    return results


async def _failing(error: Exception) -> AsyncGenerator[Result, None]:
    raise error
    yield  # type: ignore[unreachable]  # makes this a generator


async def _until_commit(call: Call, results: AsyncGenerator[Result, None]) -> list[Result]:
    """Return the results up to the commit point: the first content of a stream, all of a plain answer unless it is long."""
    held: list[Result] = []
    size = 0
    async for result in results:
        held.append(result)
        if call.stream:
            if result.has_content or len(held) >= MAX_HELD:
                break
        elif isinstance(result, Delta):
            size += len(result.text) + len(result.reasoning)
            if size > PLAIN_COMMIT_CHARACTERS:
                break
        elif isinstance(result, Vectors | AudioChunk):
            break  # there is no more; or it flows
    return held


async def _relay(call: Call, lease: Lease, limit_s: float, follows: Follows | None) -> Answer:
    """Send *call* as it is and wait until its answer commits."""
    outcome: Outcome | None = Outcome.CANCELLED
    exchange: Exchange | None = None
    failure: CallError | None = None
    try:
        exchange = lease.endpoint.relay(call, lease.target.model)
        if limit_s:
            exchange.hasten(limit_s)
        if follows is not None:
            await follows.committed(exchange, lease)
        else:
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
        if exchange.status != 200 and exchange.is_complete and speaks_of_window(exchange.status, exchange.told):
            lease.release(Outcome.COMPLETED)  # here, for whoever awaits this may have left, or have another answer
            raise WindowTooSmall(RelayedAnswer(lease, exchange))
        return RelayedAnswer(lease, exchange)
    finally:
        # Decided by what happened here, not by the future: a client may leave in the very step in which the answer commits.
        if outcome is not None:
            if exchange is not None:
                exchange.abort()
            lease.release(outcome, failure)
            failure = exchange = None  # the error's traceback knows this frame: no circle


def _defect(call: Call, lease: Lease) -> EndpointFailed:
    """Log the exception being handled: an endpoint of a plugin raised it, so it is this attempt's failure, not ours."""
    _log.exception("endpoint_raised", endpoint=lease.endpoint.name, call=call.id)
    return EndpointFailed(f"Endpoint '{lease.endpoint.name}' failed unexpectedly; the server's log has the details.")
