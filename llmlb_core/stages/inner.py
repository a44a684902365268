"""Calls that this server makes itself, on the way of a client's: placed, tried again, counted and recorded like any other."""

from __future__ import annotations

import asyncio
import time

from attrs import frozen

from llmlb_core.domain.calls import Call
from llmlb_core.domain.records import Record
from llmlb_core.errors import CallError, EndpointFailed, InvalidRequest
from llmlb_core.stages.acquire import Acquire
from llmlb_core.stages.authorize import Authorize
from llmlb_core.stages.dispatch import Answer, Dispatch
from llmlb_core.stages.kept_answer import KeptAnswer
from llmlb_core.stages.record import Recorder
from llmlb_core.stages.render import Rendering
from llmlb_core.stages.resolve import Resolve
from llmlb_core.stages.transform import Transform
from llmlb_core.upstream.refusals import refused

_ABOUT_THE_REQUEST = frozenset({400, 413, 415, 422})


@frozen
class InnerCalls:
    """The stages that such a call takes; nobody is authenticated and nothing is parsed."""

    resolve: Resolve
    authorize: Authorize
    transform: Transform
    acquire: Acquire
    dispatch: Dispatch
    record: Recorder

    async def __call__(self, call: Call) -> bytes:
        """Return the body of the answer to *call*, which asks for no stream.

        The caller holds no lease, so it may wait here as any call does. Cancelling it ends the inner call, too.

        Raises:
            CallError: What it failed with.
        """
        head = call.head
        record = Record(call.id, time.monotonic(), head.method, head.path, head.client_address)
        record.describe(call)
        outlet = KeptAnswer()
        rendering = Rendering(call.dialect, outlet, record)
        answer: Answer | None = None
        try:
            targets = self.authorize(call, self.resolve(call))
            call, targets = self.transform(call, targets)
            lease = self.acquire.at_once(call, targets) or await self.acquire(call, targets)
            answer = await self.dispatch(call, targets, lease, record)
            if not rendering.at_once(call, answer):
                await rendering.answer(call, answer)
            record.ending = "finished"
            return self._body(outlet, record.served_by)
        except asyncio.CancelledError:
            record.ending = "cancelled"
            raise
        except Exception as error:
            if not record.ending:  # a refusal that came whole was answered, as far as the record goes
                record.ending = "failed"
                record.error_code = error.code if isinstance(error, CallError) else "internal_error"
                record.status = error.status if isinstance(error, CallError) else 500
            raise
        finally:
            try:
                closing = answer.close() if answer is not None else None
                if closing is not None:
                    await closing
            finally:
                self.record(record, outlet)

    @staticmethod
    def _body(outlet: KeptAnswer, endpoint: str) -> bytes:
        if outlet.status == 200:
            return outlet.data
        if outlet.status in _ABOUT_THE_REQUEST:
            error = refused(endpoint, outlet.status, outlet.data)
            raise InvalidRequest(error.message, code="invalid_audio")
        raise EndpointFailed(f"Endpoint '{endpoint}' answered {outlet.status} where 200 was expected.")
