"""The pipeline: nine stages in order, one ``try``/``finally`` that gives back whatever was taken."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Sequence
from functools import partial

from attrs import frozen

from llmlb_core.contracts.dialect import Entry
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.calls import Call, Head
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.records import Record
from llmlb_core.stages.acquire import Acquire
from llmlb_core.stages.authenticate import Authenticate
from llmlb_core.stages.authorize import Authorize
from llmlb_core.stages.deadline import Deadline
from llmlb_core.stages.dispatch import Answer, Dispatch, Resume
from llmlb_core.stages.failure import Blame, failure_of
from llmlb_core.stages.parse import Parse
from llmlb_core.stages.record import Recorder
from llmlb_core.stages.render import Rendering
from llmlb_core.stages.resolve import Resolve
from llmlb_core.stages.running import Running
from llmlb_core.stages.transform import Transform
from llmlb_core.telemetry.taps import Taps


@frozen
class Pipeline:
    """The stages of one server. Every plane sends its calls through ``serve``, one task each."""

    authenticate: Authenticate
    parse: Parse
    resolve: Resolve
    authorize: Authorize
    transform: Transform
    acquire: Acquire
    dispatch: Dispatch
    resume: Resume
    record: Recorder
    running: Running
    call_timeout_s: float
    heartbeat_s: float
    blame: Blame
    taps: Taps | None = None

    async def serve(self, head: Head, entry: Entry, outlet: Outlet) -> None:
        """Answer one call, whatever happens; raises only ``CancelledError``, when the client left."""
        record = Record(
            id=head.id, started_at=head.received_at, method=head.method, path=head.path, client_address=head.client_address
        )
        if self.taps is not None:
            outlet = self.taps.tap(record, outlet)
        rendering = Rendering(entry.dialect, outlet, record)
        answer: Answer | None = None
        call: Call | None = None
        deadline = Deadline(outlet.task, head.received_at, self.call_timeout_s)
        self.running.enter(deadline)
        try:
            if self.running.is_draining:
                self.running.check()
            principal = self.authenticate.remembered(head.headers) or await self.authenticate(head.headers)
            call = self.parse.at_once(head, entry, principal, outlet) or await self.parse(head, entry, principal, outlet)
            record.describe(call)
            targets = self.authorize(call, self.resolve(call))
            call, targets = (await self._with_parts(call, targets, rendering)) if call.has_parts else self.transform(call, targets)
            if call.stream:
                rendering.keep_open(call, self.heartbeat_s)
            lease = self.acquire.at_once(call, targets) or await self.acquire(
                call, targets, on_wait=rendering.waiting, look=partial(self._look, call)
            )
            answer = await self.dispatch(call, targets, lease, record)
            if not rendering.at_once(call, answer):
                wait = partial(rendering.keep_open, call, self.heartbeat_s)
                await self.resume(call, targets, answer, record, rendering.answer, wait, rendering.begin_anew)
            record.ending = "finished"
        except (Exception, CancelledError) as error:
            failure = failure_of(error, deadline, record, self.blame)
            if failure is None:
                raise
            failure.__traceback__ = failure.__context__ = None  # they know this frame: no circle
            await rendering.error(failure)
        finally:
            deadline.task = None  # the call is over: it is ended no more
            if rendering.heartbeat is not None:
                rendering.stop_heartbeat()
            try:
                closing = answer.close() if answer is not None else None
                if closing is not None:
                    await closing
            finally:
                self.parse.end(call)
                self.running.leave(deadline)
                self.record(record, outlet)
                if self.taps is not None:
                    self.taps.close(outlet)

    async def _with_parts(self, call: Call, targets: tuple[Target, ...], rendering: Rendering) -> tuple[Call, tuple[Target, ...]]:
        """Transform a call with images or recordings, which may take as long as an answer: its stream is kept open meanwhile."""
        if call.stream:
            rendering.keep_open(call, self.heartbeat_s)
        try:
            return await self.transform.with_parts(call, targets)
        finally:
            rendering.stop_heartbeat()

    def _look(self, call: Call) -> Sequence[Target]:
        """Return what *call* may be sent to by now, while it waits; it was let in, counted and transformed already."""
        targets = self.authorize.again(call, self.resolve(call))
        if call.request is None:  # nobody has read its body whole, so it goes where it is taken as it is
            name = call.dialect.name
            targets = tuple([each if each.speaks(name) else _speaking(each, name) for each in targets])
        return targets


def _speaking(target: Target, dialect: str) -> Target:
    return Target(target.model, tuple([endpoint for endpoint in target.endpoints if endpoint.speaks(dialect)]))
