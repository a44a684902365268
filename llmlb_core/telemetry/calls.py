"""What is measured of calls: one look-up a call, then numbers are raised in place; in batches, off the calls' path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from llmlb_core.contracts.metrics import HistogramSample, Labels, MetricFamily, Sample
from llmlb_core.domain.records import Record
from llmlb_core.domain.results import Usage
from llmlb_core.telemetry.attempts import AttemptMetrics
from llmlb_core.telemetry.cells import LATENCY_BOUNDS_S, Counter, Histogram

MAX_SERIES = 2000
"""Different label sets of calls; what comes beyond them is counted under the model and endpoint ``other``."""
MAX_REASONS = 32
"""Different reasons of choices; a router that makes up one for each call must not fill the memory."""

OTHER = "other"
# The client wrote these names and nobody here serves them: as labels they would be a stranger's to fill.
_UNSERVED = frozenset({"model_not_found", "unknown_prefix"})
_TOKEN_KINDS = (
    ("prompt", "reported"),
    ("completion", "reported"),
    ("cached", "reported"),
    ("reasoning", "reported"),
    ("completion", "counted"),
)
_OPERATION_AND_MODEL = ("operation", "model")


class _Model:
    """The cells of one operation and model."""

    __slots__ = ("cached", "completion", "counted", "duration", "first_token", "prompt", "queue_wait", "reasoning")

    def __init__(self, labels: Labels, tokens: tuple[Counter, ...]) -> None:
        self.duration = Histogram(labels=labels)
        self.first_token = Histogram(labels=labels)
        self.queue_wait = Histogram(labels=labels)
        self.prompt, self.completion, self.cached, self.reasoning, self.counted = tokens

    def use(self, usage: Usage) -> None:
        """Add *usage*, whatever it has."""
        if usage.is_counted:
            self.counted.value += usage.completion_tokens
            return
        self.prompt.value += usage.prompt_tokens
        self.completion.value += usage.completion_tokens
        self.cached.value += usage.cached_tokens
        self.reasoning.value += usage.reasoning_tokens


class _Series:
    """One label set of calls and one reason of choices, with the cells that a call of it raises."""

    __slots__ = ("calls", "model")

    def __init__(self, labels: Labels, model: _Model) -> None:
        self.calls = Counter(labels)
        self.model = model


_Key = tuple[str, str, str, int, str, str]
"""Operation, model, endpoint, status, ending; and why the endpoint was chosen, which is shown apart from the rest."""


class CallMetrics:
    """Counts calls by operation, model, endpoint, status and ending, and how long they took.

    Attributes:
        before_read: Called before anything is read, so that whoever keeps finished calls back has them noted.
    """

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        """Keep at most *max_series* label sets, and a few more for ``other``."""
        self.before_read: Callable[[], None] = _nothing
        self._max_series = max_series
        self._series: dict[_Key, _Series] = {}
        self._label_sets: set[Labels] = set()
        self._reasons: set[str] = set()
        self._models: dict[Labels, _Model] = {}
        self._tokens: dict[str, tuple[Counter, ...]] = {}
        self._attempts = AttemptMetrics(max_series)
        self._stream_count = 0  # that finished at the first try

    def note(self, *records: Record) -> None:
        """Count finished calls.

        Cheaper for many at a time. Histograms are raised in place, not by ``observe``: three calls of a method for each record
        would cost more than the rest.
        """
        find, bounds, place_of = self._series.get, LATENCY_BOUNDS_S, bisect_left
        for record in records:
            served_by = record.served_by
            series = find((record.operation, record.model, served_by, record.status, record.ending, record.choice_reason))
            if series is None:
                series = self._find(record)
            series.calls.value += 1
            model = series.model
            seconds, cell = record.duration_s, model.duration
            cell.counts[place_of(bounds, seconds)] += 1
            cell.sum += seconds
            if not served_by:
                continue
            wait_s, cell = record.queue_wait_s, model.queue_wait
            if wait_s:
                cell.counts[place_of(bounds, wait_s)] += 1
                cell.sum += wait_s
            else:
                cell.counts[0] += 1
            first_token_s = record.first_token_s
            if first_token_s is not None:
                cell = model.first_token
                cell.counts[place_of(bounds, first_token_s)] += 1
                cell.sum += first_token_s
            usage = record.usage
            if usage is not None:
                if usage.cached_tokens or usage.reasoning_tokens or usage.is_counted:
                    model.use(usage)
                else:
                    model.prompt.value += usage.prompt_tokens
                    model.completion.value += usage.completion_tokens
        self._note_ends(records)

    def _note_ends(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.attempts or record.ending != "finished":
                self._attempts.note(record)
            elif record.stream:
                self._stream_count += 1

    def collect(self) -> Sequence[MetricFamily]:
        """Return what was counted so far."""
        self.before_read()
        models = list(self._models.values())
        return (
            MetricFamily(
                "calls",
                "counter",
                "Calls that ended.",
                ("operation", "model", "endpoint", "status", "ending"),
                samples=[Sample(labels, value) for labels, value in self._calls().items()],
            ),
            _histogram("call_duration", "From the head of a call to its end.", [each.duration.sample() for each in models]),
            _histogram(
                "first_token", "From the head of a call to the first result.", [each.first_token.sample() for each in models]
            ),
            _histogram(
                "queue_wait", "How long calls that got a lease had waited for it.", [each.queue_wait.sample() for each in models]
            ),
            MetricFamily(
                "tokens",
                "counter",
                "Tokens, as engines and servers report them; counted here by what went out where they do not.",
                ("kind", "model", "source"),
                samples=self._used(),
            ),
            *self._attempts.collect(self._finished(), self._stream_count),
        )

    def selections(self) -> dict[Labels, float]:
        """Return how many answered calls went to each endpoint, and why: by endpoint and reason (589f2df1)."""
        self.before_read()
        found: dict[Labels, float] = {}
        for (_, _, endpoint, _, _, reason), series in self._series.items():
            if endpoint:
                found[endpoint, reason] = found.get((endpoint, reason), 0) + series.calls.value
        return found

    def _calls(self) -> dict[Labels, float]:
        found: dict[Labels, float] = {}
        for series in self._series.values():
            labels = series.calls.labels
            found[labels] = found.get(labels, 0) + series.calls.value
        return found

    def _finished(self) -> dict[tuple[str, int], float]:
        """Return how many calls finished, by endpoint and status."""
        found: dict[tuple[str, int], float] = {}
        for (_, _, endpoint, status, ending, _), series in self._series.items():
            if endpoint and ending == "finished":
                found[endpoint, status] = found.get((endpoint, status), 0) + series.calls.value
        return found

    def _used(self) -> list[Sample]:
        return [cell.sample() for cells in self._tokens.values() for cell in cells if cell.value]

    def _find(self, record: Record) -> _Series:
        """Return the series of *record* where its labels are new, or are not its own."""
        model = "" if record.error_code in _UNSERVED else record.model
        reason = record.choice_reason
        if reason not in self._reasons:
            reason = reason if len(self._reasons) < MAX_REASONS else OTHER
            self._reasons.add(reason)
        endpoint = record.served_by
        labels = (record.operation, model, endpoint, str(record.status), record.ending)
        if labels not in self._label_sets and len(self._label_sets) >= self._max_series:
            model = endpoint = OTHER
            labels = (record.operation, model, endpoint, str(record.status), record.ending)
        key = (record.operation, model, endpoint, record.status, record.ending, reason)
        series = self._series.get(key)
        if series is None:
            self._label_sets.add(labels)
            series = self._series[key] = _Series(labels, self._model(record.operation, model))
        return series

    def _model(self, operation: str, name: str) -> _Model:
        labels = (operation, name)
        found = self._models.get(labels)
        if found is None:
            tokens = self._tokens.get(name)
            if tokens is None:
                tokens = self._tokens[name] = tuple(Counter((kind, name, source)) for kind, source in _TOKEN_KINDS)
            found = self._models[labels] = _Model(labels, tokens)
        return found


def _histogram(name: str, help_: str, samples: list[HistogramSample]) -> MetricFamily:
    return MetricFamily(name, "histogram", help_, _OPERATION_AND_MODEL, unit="seconds", histograms=samples, bounds=LATENCY_BOUNDS_S)


def _nothing() -> None:
    """Nobody keeps calls back."""
