"""Trace files in TOML: those that are shipped, and those that are wrong."""

from __future__ import annotations

import pytest

from llmlb_core.errors import TraceInvalid
from llmlb_core.simulate.scenario import MAX_ENDPOINTS, read_scenario
from llmlb_core.simulate.source import TRACES, open_source, shipped_names

GOOD = """
title = "t"
[[traffic]]
calls_per_s = 2
[[endpoints]]
name = "e"
"""


@pytest.fixture
def refusal(tmp_path):
    """Return a function that writes a trace and returns why it is refused."""

    def refuse(text, name="trace.toml", **options):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(TraceInvalid) as refused:
            open_source(str(file), **options)
        return str(refused.value).replace(str(file), "FILE")

    return refuse


def test_four_traces_are_shipped():
    """Those that issue 4 names."""
    assert ("heavy", "prefixes", "slow", "uniform") == shipped_names()


@pytest.mark.parametrize("name", ["heavy", "prefixes", "slow", "uniform"])
def test_a_shipped_trace_is_read(name):
    """Its name is its file's, it says what it is, and its endpoints can do what is asked of them."""
    scenario = open_source(name).scenario

    assert name == scenario.name
    assert scenario.title
    asked = sum(stream.calls_per_s * stream.output_tokens.mean for stream in scenario.traffic)
    possible = sum(group.count * group.decode_tokens_per_s for group in scenario.endpoints)
    assert 0.3 < asked / possible < 1


def test_more_endpoints_get_more_traffic():
    """Every endpoint has as much to do as before, and the kinds keep their shares."""
    few, many = open_source("slow").scenario, open_source("slow", endpoints=800, calls=5).scenario

    assert [700, 100] == [group.count for group in many.endpoints]
    assert few.traffic[0].calls_per_s / 8 == pytest.approx(many.traffic[0].calls_per_s / 800)
    assert 5 == many.calls


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title = ", "FILE: is no TOML: Invalid value (at end of document)."),
        (b"\xff\xfe", "FILE: is no TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte."),
        ("[[traffic]]", "FILE: endpoints: expected at least one [[endpoints]], got none"),
        ("[[endpoints]]", "FILE: traffic: expected at least one [[traffic]], got none"),
        (GOOD + "slotz = 3", "FILE: endpoints[0].slotz: is not a setting; did you mean 'slots'?"),
        (GOOD + "slots = 0", "FILE: endpoints[0].slots: expected at least 1, got 0"),
        (GOOD + "slots = 'x'", "FILE: endpoints[0].slots: expected an integer, got the string 'x'"),
        (GOOD + "[[endpoints]]\nname = 'e'", "FILE: endpoints[1].name: 'e' is the name of an earlier one"),
        (GOOD + "models = ['n']", "FILE: traffic[0].model: no [[endpoints]] has 'm'; they have: n"),
        (GOOD + "down = [[9, 3]]", "FILE: endpoints[0].down[0]: expected [from_s, until_s] in order, got [9, 3]"),
        (
            GOOD + f"count = {MAX_ENDPOINTS}\n[[endpoints]]\nname = 'f'",
            f"FILE: endpoints: expected at most {MAX_ENDPOINTS} endpoints in all, got {MAX_ENDPOINTS + 1}",
        ),
        (
            GOOD.replace("calls_per_s = 2", "arrivals = 'bursty'\nburst_factor = 20"),
            "FILE: traffic[0].burst_factor: expected at most 10: burst_share holds all calls then",
        ),
        (
            GOOD.replace("calls_per_s = 2", "prompt_tokens = { kind = 'pareto', shape = 1 }"),
            "FILE: traffic[0].prompt_tokens.shape: expected above 1, as a pareto has no mean below, got 1",
        ),
    ],
)
def test_a_wrong_trace_is_told_where_and_why(refusal, text, told):
    """What was seen and what was expected, for every problem."""
    assert told == refusal(text)


def test_a_trace_that_is_not_there_is_told(tmp_path):
    """A name names the shipped ones, a file its reason."""
    with pytest.raises(
        TraceInvalid, match=r"no trace is called 'unifrom'; expected one of heavy, prefixes, slow, uniform, or a file"
    ):
        open_source("unifrom")
    with pytest.raises(TraceInvalid, match="cannot be read: No such file or directory"):
        open_source(str(tmp_path / "gone.toml"))
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(TraceInvalid, match="cannot be read: Is a directory"):
        open_source(str(tmp_path / "folder.jsonl"))


def test_options_that_do_not_fit_are_refused(refusal):
    """A scenario has endpoints of its own; a history has calls of its own."""
    assert "--fleet is for histories" in refusal(GOOD, fleet=TRACES / "slow.toml")
    assert "--endpoints is for scenarios" in refusal("{}", "history.jsonl", endpoints=3)


def test_a_fleet_needs_no_traffic(tmp_path):
    """A history brings its own."""
    file = tmp_path / "fleet.toml"
    file.write_text("[[endpoints]]\nname = 'gpu'\ncount = 2\n")

    assert 2 == read_scenario(file, needs_traffic=False).endpoint_count
