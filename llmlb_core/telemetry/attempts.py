"""What is measured of calls that did not simply go well: attempts, what brought calls on again, ends of streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmlb_core.contracts.metrics import Labels, MetricFamily, Sample
from llmlb_core.domain.records import Attempt, Record

MAX_SERIES = 2000
"""Different endpoints, outcomes and reasons of attempts; what comes beyond them is counted under the endpoint ``other``."""
MAX_WORDS = 64
"""Different reasons, and different rules; a plugin that makes up one for each call must not fill the memory."""

OTHER = "other"
RESUMING = frozenset({"replay", "continue", "restart"})
"""Rules by which a stream goes on after a break."""


class AttemptMetrics:
    """Counts attempts by endpoint, outcome and reason, further attempts by rule, and streams by their end.

    Calls that went well at the first try are not noted here: ``CallMetrics`` has their numbers, and gives them to ``collect``.
    """

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        """Keep at most *max_series* label sets of attempts, and a few more for ``other``."""
        self._max_series = max_series
        self._attempts: dict[Labels, int] = {}
        self._recoveries: dict[Labels, int] = {}
        self._streams: dict[Labels, int] = {}
        self._reasons: set[str] = set()
        self._rules: set[str] = set()

    def note(self, record: Record) -> None:
        """Count what *record*, which has failed attempts or did not finish, adds to those that went well."""
        attempts = record.all_attempts()
        for attempt in attempts:
            if attempt.rule:
                self._raise(self._recoveries, (_bounded(self._rules, attempt.rule), attempt.outcome))
        if record.ending == "finished":
            attempts = record.attempts  # the last one is among the calls that finished
        for attempt in attempts:
            self._note_attempt(attempt)
        if record.stream:
            self._raise(self._streams, (_end_of(record),))

    def collect(self, finished: Mapping[tuple[str, int], float], streams: float) -> Sequence[MetricFamily]:
        """Return what was counted so far.

        Args:
            finished: Calls that finished, by endpoint and status: so many last attempts went well.
            streams: Those among them that were streams and finished at the first try.
        """
        attempts: dict[Labels, float] = dict(self._attempts)
        for (endpoint, status), count in finished.items():
            labels = (endpoint, "refused", f"http_{status}") if status >= 400 else (endpoint, "completed", "")
            attempts[labels] = attempts.get(labels, 0) + count
        ends: dict[Labels, float] = dict(self._streams)
        if streams:
            ends["finished",] = ends.get(("finished",), 0) + streams
        return (
            _counter(
                "attempts",
                "Tries of calls at endpoints, those that failed too; a call has one or more.",
                ("endpoint", "outcome", "reason"),
                attempts,
            ),
            _counter(
                "recoveries",
                "Attempts made after one that failed, by why and how they ended.",
                ("rule", "outcome"),
                self._recoveries,
            ),
            _counter("streams", "Streams that ended, by how.", ("end",), ends),
        )

    def _note_attempt(self, attempt: Attempt) -> None:
        labels = (attempt.endpoint, attempt.outcome, _bounded(self._reasons, attempt.reason))
        if labels not in self._attempts and len(self._attempts) >= self._max_series:
            labels = (OTHER, *labels[1:])
        self._raise(self._attempts, labels)

    @staticmethod
    def _raise(counts: dict[Labels, int], labels: Labels) -> None:
        counts[labels] = counts.get(labels, 0) + 1


def _end_of(record: Record) -> str:
    """Return how the stream of *record* ended, in one word."""
    if record.ending == "cancelled":
        return "cancelled"
    if record.ending == "finished":
        further = record.further
        return f"finished_by_{further.rule}" if further is not None and further.rule in RESUMING else "finished"
    # Where nothing of the answer went out, the stream never began: the client was told an error and nothing else.
    return "failed" if record.first_token_s is None else "broken_in_band"


def _bounded(words: set[str], word: str) -> str:
    if word in words:
        return word
    if len(words) >= MAX_WORDS:
        return OTHER
    words.add(word)
    return word


def _counter(name: str, help_: str, label_names: tuple[str, ...], counts: Mapping[Labels, float]) -> MetricFamily:
    return MetricFamily(name, "counter", help_, label_names, samples=[Sample(labels, value) for labels, value in counts.items()])
