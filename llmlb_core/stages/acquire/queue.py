"""Lines of waiting calls, one for each set of endpoints, and the doors they lead to."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge
from math import isfinite
from typing import Protocol

from attrs import define, field

from llmlb_core.contracts.admission import Waiter
from llmlb_core.domain.endpoints import Target
from llmlb_core.stages.acquire.lease import Lease

MAX_DOORS = 10_000
EWMA_SHARE = 0.2

Place = tuple[float, int]
Look = Callable[[], Sequence[Target]]
"""Says what a call may be sent to now; raises ``CallError`` where that is nothing any more."""


class Timer(Protocol):
    """What ``call_later`` returns."""

    def cancel(self) -> None:
        """Forget it."""


@define(eq=False)
class Door:
    """One endpoint, as lines see it.

    Attributes:
        lines: Lines with somebody in them that lead here.
        mean_service_s: How long leases lasted, the latest counting a fifth; None before the first.
        passed_key: Largest sort key that went through.
    """

    lines: list[Line] = field(factory=list)
    mean_service_s: float | None = None
    passed_key: float = 0.0

    def passed(self, sort_key: float) -> None:
        """A waiter with *sort_key* went through."""
        if isfinite(sort_key) and sort_key > self.passed_key:
            self.passed_key = sort_key

    def waiting(self) -> Iterator[Entry]:
        """Everybody who waits for this door, smallest sort key first, over all lines. Start anew after a change."""
        if len(self.lines) == 1:
            return (entry for _, _, entry in self.lines[0].entries)
        return (entry for _, _, entry in merge(*(line.entries for line in self.lines)))


@define(eq=False)
class Entry:
    """One waiting call.

    Attributes:
        place: Sort key and arrival number; unique, so that equal keys are served as they came.
        future: Set to the lease, or to the error that ends the wait.
        since: When the call asked.
        gives_up_at: When it has waited long enough.
        look: Asked again when endpoints or their models change.
        timer: Rings at ``gives_up_at``, or earlier where it waits for something to load.
    """

    waiter: Waiter
    place: Place
    target: Target
    exclude: frozenset[str]
    line: Line
    future: asyncio.Future[Lease]
    since: float
    gives_up_at: float
    look: Look
    position: int = 0
    timer: Timer | None = None


@define(eq=False)
class Line:
    """Calls that wait for the same set of endpoints, in the order in which they are served.

    Attributes:
        ids: The endpoints' ids.
        entries: Sorted; a list, because a removal from the middle of 10,000 moves 80 kB and that takes microseconds.
    """

    ids: frozenset[str]
    doors: tuple[Door, ...]
    entries: list[tuple[float, int, Entry]] = field(factory=list)


@define
class Lines:
    """All lines. A line exists while somebody is in it.

    Attributes:
        waiting_count: Calls in all lines.
    """

    waiting_count: int = 0
    _count_by_model: dict[str, int] = field(factory=dict)
    _line_by_ids: dict[frozenset[str], Line] = field(factory=dict)
    _door_by_id: dict[str, Door] = field(factory=dict)
    _arrival_count: int = 0

    def door(self, endpoint_id: str) -> Door:
        """Return the door of an endpoint, made on first use."""
        door = self._door_by_id.get(endpoint_id)
        if door is None:
            door = self._door_by_id[endpoint_id] = Door()
        return door

    def served(self, endpoint_id: str, seconds: float) -> None:
        """A lease of *seconds* ended at an endpoint. Doors of endpoints long gone are forgotten when there are very many."""
        if len(self._door_by_id) > MAX_DOORS:
            self._door_by_id = {key: door for key, door in self._door_by_id.items() if door.lines}
        door = self._door_by_id.get(endpoint_id)
        if door is None:
            door = self.door(endpoint_id)
        mean = door.mean_service_s
        door.mean_service_s = seconds if mean is None else mean + EWMA_SHARE * (seconds - mean)

    def has_waiters(self, endpoint_id: str) -> bool:
        """Whether somebody waits for this endpoint."""
        door = self._door_by_id.get(endpoint_id)
        return door is not None and bool(door.lines)

    def mean_service_s(self, ids: frozenset[str]) -> float | None:
        """Mean over those of the endpoints that have served already."""
        total, count = 0.0, 0
        for endpoint_id in ids:
            door = self._door_by_id.get(endpoint_id)
            if door is not None and door.mean_service_s is not None:
                total += door.mean_service_s
                count += 1
        return total / count if count else None

    def passed_key(self, ids: frozenset[str]) -> float:
        """Largest sort key that one of the endpoints has served."""
        return max((door.passed_key for door in map(self._door_by_id.get, ids) if door is not None), default=0.0)

    def line(self, ids: frozenset[str]) -> Line:
        """Return the line of a set of endpoints, or a new one that counts once somebody enters it."""
        return self._line_by_ids.get(ids) or Line(ids, tuple(self.door(endpoint_id) for endpoint_id in ids))

    def all(self) -> list[Line]:
        """Every line, as they are now."""
        return [*self._line_by_ids.values()]

    def leading_to(self, endpoint_id: str) -> list[Line]:
        """Every line that leads to this endpoint, as they are now."""
        door = self._door_by_id.get(endpoint_id)
        return [] if door is None else [*door.lines]

    @property
    def count_by_model(self) -> Mapping[str, int]:
        """Calls in all lines, by the model that they wait for; none is 0."""
        return self._count_by_model

    def next_place(self, sort_key: float) -> Place:
        """Return the place of a call that arrives now."""
        self._arrival_count += 1
        return sort_key, self._arrival_count

    def enter(self, entry: Entry) -> None:
        """Put a call into its line."""
        line = entry.line
        if not line.entries:
            self._line_by_ids[line.ids] = line
            for door in line.doors:
                door.lines.append(line)
        insort(line.entries, (*entry.place, entry))
        self.waiting_count += 1
        model = entry.target.model
        self._count_by_model[model] = self._count_by_model.get(model, 0) + 1

    def leave(self, entry: Entry) -> bool:
        """Take a call out of its line; False where it is not in it any more."""
        entries = entry.line.entries
        index = bisect_left(entries, entry.place)
        if index == len(entries) or entries[index][2] is not entry:
            return False
        del entries[index]
        self.waiting_count -= 1
        model = entry.target.model
        self._count_by_model[model] -= 1
        if not self._count_by_model[model]:
            del self._count_by_model[model]
        if not entries:
            del self._line_by_ids[entry.line.ids]
            for door in entry.line.doors:
                door.lines.remove(entry.line)
        return True

    def ahead_count(self, ids: frozenset[str], place: Place) -> int:
        """How many calls that wait for one of the same endpoints are served before *place*."""
        if not self.waiting_count:
            return 0
        lines = {id(line): line for door in map(self._door_by_id.get, ids) if door is not None for line in door.lines}
        return sum(bisect_left(line.entries, place) for line in lines.values())
