"""Ratios, medians, verdicts and the 30 % of CI."""

from __future__ import annotations

import json

import pytest

from bench.check import compare, read_recorded, write_recorded
from bench.errors import BenchError
from bench.goals import GOALS, judge
from bench.result import Failure, Measurement, Result, read_result


def calls(**cpu_us_by_round: list[float]) -> Result:
    """Return a result with one scenario, a list of costs for each server."""
    return Result(
        [
            Measurement(number, "call", server.replace("_", "-"), {"cpu_us": cpu_us})
            for server, rounds in cpu_us_by_round.items()
            for number, cpu_us in enumerate(rounds, 1)
        ]
    )


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    """A slow minute in one round slows both sides of it and leaves the ratio alone."""
    result = calls(nginx=[10.0, 40.0, 10.0], llmlb=[20.0, 80.0, 30.0])

    ratios = result.ratios()

    assert {"llmlb": {"call": 2.0}} == ratios


def test_a_round_without_nginx_gives_no_ratio():
    """Rounds are compared with themselves only."""
    result = calls(nginx=[10.0], llmlb=[20.0, 90.0])

    assert 2.0 == result.ratio("llmlb", "nginx", "call", "cpu_us")


def test_one_failed_round_takes_the_speed_away():
    """A failure is reported as such; what the other rounds measured is no speed."""
    result = calls(nginx=[10.0, 10.0], llmlb=[20.0])
    result.failures.append(Failure(2, "call", "llmlb", "3 calls answered 502"))

    document = result.document()

    assert document["valid"] is False
    assert {"llmlb": {}} == document["ratios"]
    assert {} == document["medians"]["llmlb"]


def test_a_run_that_measured_nothing_is_not_valid():
    """No figures and no failures is no success."""
    assert not Result().is_valid


def test_a_result_survives_json():
    """What is saved is read back equal."""
    result = calls(nginx=[10.0], llmlb=[20.0])

    again = read_result(json.loads(json.dumps(result.document())))

    assert result == again


def test_goals_are_met_missed_or_worse_than_allowed():
    """2.2 times nginx is above the goal of 2.0 and below the floor of 2.5."""
    for cpu_us, expected in ((19.0, "met"), (22.0, "missed"), (26.0, "worse than allowed")):
        verdicts = judge(calls(nginx=[10.0], llmlb=[cpu_us]))

        assert expected == verdicts[0]["verdict"]
        assert "not measured" == verdicts[1]["verdict"]
        assert len(GOALS) == len(verdicts)


def test_check_complains_above_30_percent_only():
    """Recorded 2.0: 2.6 passes, 2.61 does not."""
    recorded = {"llmlb": {"call": 2.0}}

    assert [] == compare(recorded, {"llmlb": {"call": 2.6}})
    assert 1 == len(compare(recorded, {"llmlb": {"call": 2.61}}))


def test_check_complains_when_nothing_was_measured():
    """A recorded ratio that is missing is not a pass."""
    assert "nothing was measured" in compare({"llmlb": {"call": 2.0}}, {})[0]


def test_recorded_ratios_are_read_back(tmp_path):
    """And an absent file names the command that writes it."""
    file = tmp_path / "recorded.json"

    with pytest.raises(BenchError, match="check --record"):
        read_recorded(file)
    write_recorded(file, {"llmlb": {"call": 1.9}}, {"cores": 2})

    assert {"llmlb": {"call": 1.9}} == read_recorded(file)
