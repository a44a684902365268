"""The check of CI on a machine that wobbles."""

from __future__ import annotations

import pytest

from bench import check
from bench.check import measure, pooled, spread
from bench.result import Failure, Measurement, Result

RECORDED = {"llmlb": {"call": 2.0, "event": 1.1}}


def result(*rounds: tuple[float, float], core_share: float = 0.99) -> Result:
    """Return rounds of llmlb's ratios to nginx, of a call and of an event."""
    found = []
    for number, ratios in enumerate(rounds, 1):
        for scenario, ratio in zip(("call", "event"), ratios, strict=True):
            found.append(Measurement(number, scenario, "nginx", {"cpu_us": 10.0, "core_share": core_share}))
            found.append(Measurement(number, scenario, "llmlb", {"cpu_us": 10.0 * ratio, "core_share": core_share}))
    return Result(found)


@pytest.fixture
def runs(monkeypatch):
    """Results that runs will have, in turn; what is left was not run."""
    waiting: list[Result] = []
    monkeypatch.setattr(check, "run", lambda _plan: waiting.pop(0))
    return waiting


def test_a_run_within_the_bounds_is_not_repeated(runs):
    """One slow round of three leaves the median where it is."""
    runs += [result((1.9, 1.0), (1.9, 1.0), (9.0, 9.0)), result((9.0, 9.0))]

    found, complaints = measure([], 3, RECORDED)

    assert [] == complaints
    assert {"llmlb": {"call": 1.9, "event": 1.0}} == found.ratios()
    assert 1 == len(runs)


def test_a_slow_run_is_repeated_once_and_judged_with_all_of_its_rounds(runs):
    """A machine that was busy for one run does not fail the check."""
    runs += [result((3.0, 1.0), (3.0, 1.0), (2.0, 1.0)), result((2.0, 1.0), (2.0, 1.0), (2.0, 1.0))]

    found, complaints = measure([], 3, RECORDED)

    assert [] == complaints
    assert [1, 2, 3, 4, 5, 6] == sorted(found.rounds_of("llmlb", "call"))


def test_what_stays_slow_fails(runs):
    """The message has both ratios and how much is allowed."""
    runs += [result((3.0, 1.0)), result((3.2, 1.0))]

    _, (complaint,) = measure([], 1, RECORDED)

    assert "llmlb, call: 3.10 × nginx, 55% above the recorded 2 (30% is allowed)" == complaint


def test_a_call_that_failed_is_not_repeated(runs):
    """An error is no noise."""
    broken = result((2.0, 1.0))
    broken.failures.append(Failure(1, "event", "llmlb", "2 of 500 streams failed"))
    runs += [broken, result((2.0, 1.0))]

    _, complaints = measure([], 1, RECORDED)

    assert ["llmlb, event: 2 of 500 streams failed"] == complaints
    assert 1 == len(runs)


def test_a_run_without_figures_is_a_failure(runs):
    """It must not look like a pass."""
    runs.append(Result())

    _, complaints = measure([], 1, RECORDED)

    assert ["nothing was measured"] == complaints


def test_a_busy_machine_is_told():
    """The load leaves no pause: a server with less than 80 % of its core had to share it."""
    told = spread(pooled(result((2.0, 1.0), core_share=0.4), result((3.0, 1.2), core_share=0.5)))

    assert "call: 2 rounds from 2.00 to 3.00" in told
    assert "45% of its core" in told[-1]
    assert 2 == len(spread(result((2.0, 1.0))))
