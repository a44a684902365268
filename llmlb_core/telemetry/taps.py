"""Copies of what calls say, for sinks that keep bodies; where there is no sink, nothing here runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from llmlb_core.contracts.observer import Bodies, BodySink
from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.domain.records import Record


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
            outlet = cast("Outlet", TappedOutlet(outlet, record, self._ledgers[name]))
        return outlet

    def close(self, outlet: Outlet) -> None:
        """Give the sinks what *outlet* remembers: last of all, when the record is complete. Never raises, never waits."""
        faults: list[tuple[str, Exception]] = []
        each: object = outlet
        while isinstance(each, TappedOutlet):
            sink, bodies = each.ledger.sink, each.close()
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
        if self.total_bytes + size > self.sink.max_held_bytes:
            return False
        self.held_bytes += size
        return True


class TappedOutlet:
    """An outlet that remembers what passes through it.

    Everything but its own methods is the outlet's, read and set through: the plane, the exchange and the pipeline see one state.
    It stands in for an ``Outlet`` (``isinstance`` says so) without having its attributes again.

    Attributes:
        outlet: What it passes everything on to.
        ledger: Of its sink.
    """

    __slots__ = (
        "_answer", "_booked_bytes", "_content_type", "_is_answer_cut", "_is_lost", "_is_request_cut", "_record", "_request",
        "ledger", "outlet",
    )  # fmt: skip

    outlet: Outlet
    ledger: Ledger
    _record: Record
    _request: bytes | None
    _answer: bytes | bytearray
    _content_type: str
    _booked_bytes: int
    _is_request_cut: bool
    _is_answer_cut: bool
    _is_lost: bool

    def __init__(self, outlet: Outlet, record: Record, ledger: Ledger) -> None:
        """Remember what passes through *outlet* for the sink of *ledger*."""
        self.outlet = outlet
        self.ledger = ledger
        self._record = record
        self._request = None
        self._answer = b""
        self._content_type = ""
        self._booked_bytes = 0
        self._is_request_cut = self._is_answer_cut = self._is_lost = False

    def __getattr__(self, name: str) -> object:
        """Everything else is the outlet's."""
        return getattr(self.outlet, name)

    def __setattr__(self, name: str, value: object) -> None:
        """State is the outlet's: the plane looks at it there."""
        if name in TappedOutlet.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self.outlet, name, value)

    def body_at_once(self, max_bytes: int) -> bytes | None:
        """Return the whole request body where it is there, as the outlet does."""
        body = self.outlet.body_at_once(max_bytes)
        if body is not None:
            self.keep_request(body)
        return body

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the whole request body, as the outlet does."""
        body = await self.outlet.body(max_bytes, timeout_s)
        self.keep_request(body)
        return body

    def keep_request(self, body: bytes) -> None:
        """Note the request body; ``body`` does so by itself. Of a call without one nothing is kept: nobody was let in."""
        if self._request is not None:
            return
        most = self.ledger.sink.max_body_bytes
        if len(body) > most:
            # A copy: a view would keep all of it in memory.
            body, self._is_request_cut = bytes(memoryview(body)[:most]), True
        self._request = body
        self._book(len(body))

    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Send the head."""
        self._content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
        self.outlet.open(status, headers, length)

    def write(self, data: bytes) -> None:
        """Send a piece of the body, and remember it."""
        self.outlet.write(data)
        if self._request is None or self._is_lost or self._is_answer_cut:
            return
        answer = self._answer
        room = self.ledger.sink.max_body_bytes - len(answer)
        if len(data) > room:
            data, self._is_answer_cut = bytes(memoryview(data)[:room]), True
        if not self._book(len(data)):
            return
        if not answer:
            self._answer = bytes(data)
        elif isinstance(answer, bytearray):
            answer += data
        else:
            self._answer = bytearray(answer) + data

    def close(self) -> Bodies | None:
        """Let go of what is held and return it; None where nothing is to be kept, or it was too much."""
        request, answer = self._request, self._answer
        self._request, self._answer = None, b""
        self.ledger.held_bytes -= self._booked_bytes
        self._booked_bytes = 0
        if request is None:
            return None
        if self._is_lost:
            self.ledger.sink.dropped_count += 1
            return None
        return Bodies(self._record, request, answer, self._content_type, self._is_request_cut, self._is_answer_cut)

    def _book(self, size: int) -> bool:
        if self.ledger.book(size):
            self._booked_bytes += size
            return True
        # The bound is met: nothing of this call is kept, so that others have the room.
        self.ledger.held_bytes -= self._booked_bytes
        self._booked_bytes = 0
        self._request, self._answer, self._is_lost = b"", b"", True
        return False


Outlet.register(TappedOutlet)
