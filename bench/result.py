"""The numbers of all rounds, and what follows from them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import Factory, asdict, define, frozen

from bench.scenarios import SCENARIOS, Numbers

LIMIT = "nginx"
"""The server whose cost is 1.0."""


@frozen
class Measurement:
    """One scenario of one server in one round."""

    round: int
    scenario: str
    server: str
    numbers: Numbers


@frozen
class Failure:
    """A measurement that was not to be had, and why."""

    round: int
    scenario: str
    server: str
    reason: str


@define
class Result:
    """All of a run. A server's scenario that failed once has no figures at all: its failure is the result."""

    measurements: list[Measurement] = Factory(list)
    failures: list[Failure] = Factory(list)

    @property
    def is_valid(self) -> bool:
        """Say whether something was measured and nothing failed."""
        return bool(self.measurements) and not self.failures

    def rounds_of(self, server: str, scenario: str) -> dict[int, Numbers]:
        """Return the numbers by round; none when a round failed."""
        if any((failure.server, failure.scenario) == (server, scenario) for failure in self.failures):
            return {}
        return {each.round: each.numbers for each in self.measurements if (each.server, each.scenario) == (server, scenario)}

    def median(self, server: str, scenario: str, metric: str) -> float | None:
        """Return the median of *metric* over the rounds."""
        return _median(numbers[metric] for numbers in self.rounds_of(server, scenario).values())

    def ratio(self, server: str, against: str, scenario: str, metric: str) -> float | None:
        """Return the median of the rounds' own ratios: what drifts over a run is in both sides of each."""
        others = self.rounds_of(against, scenario)
        pairs = [
            (numbers[metric], others[number][metric])
            for number, numbers in self.rounds_of(server, scenario).items()
            if number in others
        ]
        return _median(mine / theirs for mine, theirs in pairs if theirs > 0)

    def difference(self, server: str, against: str, scenario: str, metric: str) -> float | None:
        """Return the median of the rounds' own differences."""
        others = self.rounds_of(against, scenario)
        mine = self.rounds_of(server, scenario)
        return _median(numbers[metric] - others[number][metric] for number, numbers in mine.items() if number in others)

    def servers(self) -> list[str]:
        """Return the servers, in the order in which they came."""
        return list(dict.fromkeys(each.server for each in [*self.measurements, *self.failures]))

    def scenarios(self) -> list[str]:
        """Return the scenarios that were tried, in their order."""
        tried = {each.scenario for each in [*self.measurements, *self.failures]}
        return [name for name in SCENARIOS if name in tried]

    def ratios(self) -> dict[str, dict[str, float]]:
        """Return server → scenario → cost × nginx, for all but nginx itself."""
        found: dict[str, dict[str, float]] = {}
        for server in self.servers():
            if server == LIMIT:
                continue
            found[server] = {}
            for name in self.scenarios():
                metric = SCENARIOS[name].metric
                ratio = self.ratio(server, LIMIT, name, metric) if metric else None
                if ratio is not None:
                    found[server][name] = round(ratio, 3)
        return found

    def medians(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return server → scenario → number → median."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for server in self.servers():
            found[server] = {}
            for name in self.scenarios():
                rounds = self.rounds_of(server, name)
                if rounds:
                    metrics = next(iter(rounds.values()))
                    found[server][name] = {
                        metric: round(statistics.median(numbers[metric] for numbers in rounds.values()), 3) for metric in metrics
                    }
        return found

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "valid": self.is_valid,
            "failures": [asdict(failure) for failure in self.failures],
            "ratios": self.ratios(),
            "medians": self.medians(),
            "measurements": [asdict(measurement) for measurement in self.measurements],
        }


def read_result(document: dict[str, Any]) -> Result:
    """Read what ``document`` wrote."""
    return Result(
        [Measurement(**each) for each in document["measurements"]],
        [Failure(**each) for each in document["failures"]],
    )


def _median(values: Iterable[float]) -> float | None:
    found: Sequence[float] = list(values)
    return statistics.median(found) if found else None
