"""Copies of what calls say, for sinks that keep bodies; where there is no sink, nothing here runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from llmlb_core.contracts.observer import Bodies, BodySink
from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.domain.records import Record

_TEXTS = ("application/json", "text/")


class Taps:
    """The sinks of one server, and what calls that run hold for them."""

    def __init__(self, sinks: Mapping[str, BodySink], fault: Callable[[str, BaseException], None]) -> None:
        """Serve *sinks*, by name, kept as they are; tell *fault* the name of one that raised, and what."""
        self._sinks = sinks
        self._ledgers = {name: Ledger(sink) for name, sink in sinks.items()}
        self._fault = fault

    def tap(self, record: Record, outlet: Outlet) -> Outlet:
        """Return *outlet* with a tap for every sink: what the call is to use from its first step on."""
        for name in self._sinks:
            outlet = cast("Outlet", TappedOutlet(outlet, Memory(record, self._ledgers[name], outlet.write)))
        return outlet

    def close(self, outlet: Outlet) -> None:
        """Give the sinks what *outlet* remembers: last of all, when the record is complete. Never raises, never waits."""
        faults: list[tuple[str, Exception]] = []
        each: object = outlet
        while isinstance(each, TappedOutlet):
            sink, bodies = each.memory.sink, each.memory.close()
            try:
                if bodies is not None:
                    sink.take(bodies)
            except Exception as error:  # noqa: BLE001  # other people's code: its plugin's status says what it raised
                sink.dropped_count += 1
                faults.append((sink.name, error))
            each = each.outlet
        # Afterwards: telling the host may withdraw a sink.
        for name, fault in faults:
            self._fault(name, fault)

    def held_bytes(self) -> dict[tuple[str, ...], float]:
        """Return what is held for and by every sink, by name."""
        return {(name,): self._ledgers[name].total_bytes for name in self._sinks}

    def dropped(self) -> dict[tuple[str, ...], float]:
        """Return of how many calls every sink has missed or lost the bodies, by name."""
        return {(name,): sink.dropped_count for name, sink in self._sinks.items()}

    def failures(self) -> dict[tuple[str, ...], float]:
        """Return how often every sink broke down, by name."""
        return {(name,): sink.failure_count for name, sink in self._sinks.items()}


class Ledger:
    """What calls that run hold for one sink.

    Attributes:
        held_bytes: The sink's own come on top.
    """

    __slots__ = ("held_bytes", "sink")

    def __init__(self, sink: BodySink) -> None:
        """Begin with nothing held."""
        self.sink = sink
        self.held_bytes = 0

    @property
    def total_bytes(self) -> int:
        """Of the calls and the sink."""
        return self.held_bytes + self.sink.held_bytes

    def book(self, size: int) -> bool:
        """Hold *size* more bytes; False where that passes the bound, and nothing changes."""
        sink = self.sink
        held_bytes = self.held_bytes + size
        if held_bytes + sink.held_bytes > sink.max_held_bytes:
            return False
        self.held_bytes = held_bytes
        return True


class Memory:
    """What one call said so far, for one sink; booked with its ledger."""

    __slots__ = (
        "_answer", "_is_answer_cut", "_is_lost", "_is_request_cut", "_keeps", "_ledger", "_max_bytes", "_record", "_request",
        "_send", "content_type",
    )  # fmt: skip

    def __init__(self, record: Record, ledger: Ledger, send: Callable[[bytes], None]) -> None:
        """Remember nothing yet of the call of *record*; *send* passes on what is written."""
        self._record = record
        self._ledger = ledger
        self._send = send
        self._max_bytes = ledger.sink.max_body_bytes
        self._request: bytes | None = None
        self._answer = bytearray()
        self._keeps = self._is_request_cut = self._is_answer_cut = self._is_lost = False
        self.content_type = ""

    @property
    def sink(self) -> BodySink:
        """Whom it is for."""
        return self._ledger.sink

    def keep_request(self, body: bytes) -> None:
        """Note the request body. Of a call without one nothing is kept: nobody was let in."""
        if self._request is not None:
            return
        if len(body) > self._max_bytes:
            # A copy: a view would keep all of it in memory.
            body, self._is_request_cut = bytes(memoryview(body)[: self._max_bytes]), True
        self._keeps = self._ledger.book(len(body))
        if self._keeps:
            self._request = body
        else:
            self._lose()

    def write(self, data: bytes) -> None:
        """Send a piece of the answer, and remember it."""
        self._send(data)
        if self._keeps:
            answer = self._answer
            room = self._max_bytes - len(answer)
            if len(data) > room:
                data, self._is_answer_cut, self._keeps = data[:room], True, False
            if self._ledger.book(len(data)):
                answer += data
            else:
                self._lose()

    def skip_answer(self) -> None:
        """Keep nothing of the answer: it is sound or a picture, which nobody reads in a history."""
        if self._keeps:
            self._is_answer_cut, self._keeps = True, False

    def close(self) -> Bodies | None:
        """Let go of what is held and return it; None where nothing is to be kept, or it was too much."""
        request, answer = self._request, self._answer
        if request is None:
            return None
        self._forget()
        if self._is_lost:
            self._ledger.sink.dropped_count += 1
            return None
        return Bodies(self._record, request, answer, self.content_type, self._is_request_cut, self._is_answer_cut)

    def _lose(self) -> None:
        """The bound is met: nothing of this call is kept, so that others have the room."""
        self._forget()
        self._request, self._is_lost = b"", True

    def _forget(self) -> None:
        if self._request is not None:
            self._ledger.held_bytes -= len(self._request) + len(self._answer)
        self._request, self._answer, self._keeps = None, bytearray(), False


class TappedOutlet:
    """An outlet that remembers what passes through it.

    Everything but its own methods is the outlet's, read and set through: the plane, the exchange and the pipeline see one state.
    It stands in for an ``Outlet`` (``isinstance`` says so) without having its attributes again.

    Attributes:
        outlet: What it passes everything on to.
        memory: What passed.
        write: As the outlet's; the memory's own, for it is called for every event.
    """

    __slots__ = ("memory", "outlet", "write")

    outlet: Outlet
    memory: Memory
    write: Callable[[bytes], None]

    def __init__(self, outlet: Outlet, memory: Memory) -> None:
        """Remember in *memory* what passes through *outlet*."""
        set_own = object.__setattr__
        set_own(self, "outlet", outlet)
        set_own(self, "memory", memory)
        set_own(self, "write", memory.write)

    def __getattr__(self, name: str) -> object:
        """Everything else is the outlet's."""
        return getattr(self.outlet, name)

    def __setattr__(self, name: str, value: object) -> None:
        """State is the outlet's: the plane looks at it there."""
        setattr(self.outlet, name, value)

    @property
    def is_paused(self) -> bool:
        """Whether the client reads more slowly than we write; here because it is read for every event."""
        return self.outlet.is_paused

    def body_at_once(self, max_bytes: int) -> bytes | None:
        """Return the whole request body where it is there, as the outlet does."""
        body = self.outlet.body_at_once(max_bytes)
        if body is not None:
            self.memory.keep_request(body)
        return body

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole request body, as the outlet does."""
        body = await self.outlet.body(max_bytes, timeout_s)
        self.memory.keep_request(body)
        return body

    def note_body(self, summary: bytes) -> None:
        """Keep *summary* for a body that was read in pieces."""
        self.memory.keep_request(summary)
        self.outlet.note_body(summary)

    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Send the head."""
        content_type = self.memory.content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
        if not content_type.startswith(_TEXTS):
            self.memory.skip_answer()
        self.outlet.open(status, headers, length)


Outlet.register(TappedOutlet)
