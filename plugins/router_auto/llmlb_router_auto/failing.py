"""Endpoints at which a model's calls fail: set aside for a while, for this model only (93536000-F12)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define

from llmlb_core import Call, Candidate, Feedback, Filter, Record, get_logger

FAULTS = frozenset({"bad_gateway", "engine_failed", "endpoint_refused", "endpoint_timeout", "internal_error"})
"""Errors that are the endpoint's. Being busy is none, and neither is a request that it finds wrong."""

MAX_PAIRS = 10_000

_log = get_logger("routing")


@define
class Aside:
    """One endpoint and one model.

    Attributes:
        count: Failures without a success between them.
        until: When it is tried again, on the scale of ``Call.head.received_at``.
    """

    count: int = 0
    until: float = 0.0
    reason: str = ""


class Failures(Feedback):
    """Notes who failed, and forgets it with the first success.

    Attributes:
        asides: By endpoint and model, as the client named it.
    """

    name = "failures"

    def __init__(self, first_s: float, longest_s: float) -> None:
        """Set aside for *first_s*, doubled with each failure up to *longest_s*."""
        self.asides: OrderedDict[tuple[str, str], Aside] = OrderedDict()
        self._first_s = first_s
        self._longest_s = longest_s

    def on_end(self, record: Record) -> None:
        """Note the attempts of *record* that failed, and how it ended."""
        if record.attempts or self.asides or record.error_code:  # else it is one more success where nothing failed
            self._note(record)

    def _note(self, record: Record) -> None:
        for attempt in record.attempts:
            if attempt.reason in FAULTS:
                self._failed(attempt.endpoint, record, attempt.reason)
        if not record.served_by:
            return
        if record.ending == "failed" and record.error_code in FAULTS:
            self._failed(record.served_by, record, record.error_code or "")
        elif record.ending == "finished":
            self.asides.pop((record.served_by, record.model), None)

    def _failed(self, endpoint: str, record: Record, reason: str) -> None:
        if not self._first_s:
            return
        key = (endpoint, record.model)
        aside = self.asides.get(key)
        if aside is None:
            aside = self.asides[key] = Aside()
            if len(self.asides) > MAX_PAIRS:
                self.asides.popitem(last=False)
        now = record.started_at + record.duration_s
        if now < aside.until:
            return  # calls that were under way together count once
        aside.count += 1
        aside.reason = reason
        seconds = min(self._first_s * 2.0 ** min(aside.count - 1, 32), self._longest_s)
        aside.until = now + seconds
        _log.warning("endpoint_set_aside", endpoint=endpoint, model=record.model, reason=reason, seconds=seconds)


class NotFailing(Filter):
    """Leaves out those at which the model failed of late, while another one has a slot.

    When the time is over, one call at a time is sent there; the first that succeeds ends it.
    """

    name = "not_failing"

    def __init__(self, failures: Failures) -> None:
        """Read *failures*."""
        self._failures = failures
        self.knows = failures.asides

    def keep(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return the others, or all where there is no other."""
        asides = self._failures.asides
        if not asides:
            return candidates
        model, now = call.model, call.head.received_at
        kept = [
            each
            for each in candidates
            if (aside := asides.get((each.endpoint.name, model))) is None or (now >= aside.until and not each.in_flight)
        ]
        return candidates if len(kept) == len(candidates) else kept or candidates

    def why_not(self, call: Call, candidate: Candidate) -> str:
        """Say how often it failed, and how long it stays aside."""
        aside = self._failures.asides.get((candidate.endpoint.name, call.model))
        if aside is None:
            return "failed a moment ago"
        seconds = max(0.0, aside.until - call.head.received_at)
        return f"failed {aside.count} times in a row, last with {aside.reason}; set aside for {seconds:.0f} s more"
