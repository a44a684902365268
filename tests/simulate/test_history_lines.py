"""Histories as JSON lines: what is taken, what is refused, and what is made of them."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_storage_history.api import shown
from llmlb_storage_history.columns import COLUMNS, values_of

from llmlb_core import Record, Usage
from llmlb_core.errors import TraceInvalid
from llmlb_core.simulate.fleet import history_scenario
from llmlb_core.simulate.history import MAX_LINE_BYTES, MAX_PROBLEMS, Row, _row, read_history
from llmlb_core.simulate.scenario import EndpointGroup, Scenario

LINE = {"started_at": 1_700_000_000_000, "model": "m", "principal": "A", "prompt_tokens": 10, "completion_tokens": 5}


@pytest.fixture
def history(tmp_path):
    """Return a function that writes lines to a file."""

    def write(*lines, name="history.jsonl"):
        file = tmp_path / name
        file.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        return file

    return write


def refusal(file):
    with pytest.raises(TraceInvalid) as refused:
        read_history(file)
    return str(refused.value).replace(str(file), "FILE")


@pytest.mark.parametrize("as_api", [True, False])
def test_rows_of_the_history_are_read(history, as_api):
    """As the table holds them, and as ``GET /v0/requests`` shows them: newest first."""
    records = [
        Record(
            f"req-{number}",
            100.0 + number,
            principal="key:1",
            operation="chat",
            model="m",
            served_by="gpu",
            stream=True,
            status=200,
            ending="finished",
            queue_wait_s=0.25,
            first_token_s=0.5,
            duration_s=2.5,
            usage=Usage(100, 41, 64),
        )
        for number in range(3)
    ]
    rows = [dict(zip(COLUMNS, values_of(record, 1.7e9), strict=True)) for record in reversed(records)]

    read = read_history(history(*[shown(row) if as_api else row for row in rows]))

    assert [0.0, 1.0, 2.0] == pytest.approx([call.at_s for call in read.calls])
    first = read.calls[0]
    assert ("m", "key:1", 100, 41) == (first.model, first.principal, first.prompt_tokens, first.output_tokens)
    assert 64 == first.segments[0][1]
    assert read.calls[1].segments[0] == first.segments[0]
    group = history_scenario(history(), read, None).endpoints[0]
    assert ("gpu", ("m",), 3) == (group.name, group.models, group.slots)
    assert (144.0, 20.0) == (group.prefill_tokens_per_s, group.call_tokens_per_s)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"nonsense", "expected a JSON object, got 'nonsense' (JSON is malformed: invalid character (byte 4))"),
        (b"[1]", "expected a JSON object, got '[1]'"),
        (b"{}", "expected the member 'started_at', got an empty object"),
        ({"model": "m", "time": 3}, "expected the member 'started_at', got 'model', 'time'"),
        ({"started_at": 3}, "expected the member 'model', got 'started_at'"),
        (LINE | {"model": 7}, "Expected `str`, got `int` - at `$.model`; got 7"),
        (LINE | {"prompt_tokens": "10"}, "Expected `int | null`, got `str` - at `$.prompt_tokens`; got '10'"),
        (LINE | {"prompt_tokens": -1}, "prompt_tokens: expected a number from 0 to 100,000,000, got -1"),
        (LINE | {"duration_ms": -1}, "duration_ms: expected at least 0, got -1.0"),
        (
            LINE | {"started_at": "yesterday"},
            "started_at: expected milliseconds since 1970, or a time such as 2030-01-31T12:00:00.000+00:00, got 'yesterday'",
        ),
        (LINE | {"started_at": 1e300}, "started_at: expected milliseconds since 1970, or a time such as "),
        (b"\xff{}", "expected a JSON object, got '\N{REPLACEMENT CHARACTER}{}' "),
    ],
)
def test_a_wrong_line_is_told_by_number(history, line, told):
    """What was seen and what was expected; lines before it were right."""
    said = refusal(history(LINE, b"", line, LINE))

    assert said.startswith(f"FILE:3: {told}")


def test_every_wrong_line_is_told_up_to_a_bound(history):
    """A file of another kind is not told line by line for ever."""
    lines = refusal(history(*[b"nonsense"] * 1000)).splitlines()

    assert MAX_PROBLEMS + 1 == len(lines)
    assert f"FILE: the lines after {MAX_PROBLEMS} were not read." == lines[-1]


def test_an_empty_file_is_told(history):
    """It is no history without calls: it is a mistake."""
    assert "FILE: has no lines; expected one JSON object a line, as 'GET /v0/requests' lists them." == refusal(history(b"", b"  "))


def test_a_line_without_end_is_not_read_into_memory(history):
    """A file that is no text at all has no line ends."""
    assert f"FILE:1: expected a line of less than {MAX_LINE_BYTES:,} bytes" in refusal(history(b"{" + b" " * (2 * MAX_LINE_BYTES)))


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(max_size=5) | st.floats(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_whatever_a_line_is_it_is_read_or_refused(line):
    """Never a traceback."""
    with suppress(ValueError):
        assert isinstance(_row(line), Row)


def test_calls_without_counts_get_the_usual_ones(history):
    """A call that failed has no usage, but it came."""
    read = read_history(history(LINE, LINE | {"prompt_tokens": None, "completion_tokens": None}))

    assert [(10, 5)] * 2 == [(call.prompt_tokens, call.output_tokens) for call in read.calls]
    assert 1 == read.guessed_count


def test_a_prefix_may_be_named(history):
    """Sources other than the history know which prompts begin alike."""
    read = read_history(
        history(LINE | {"prefix": "tools", "prefix_tokens": 8}, LINE | {"principal": "B", "prefix": "tools", "prefix_tokens": 8})
    )

    assert [(("prefix", "tools"), 8)] * 2 == [call.segments[0] for call in read.calls]


def test_a_history_without_endpoints_asks_for_a_fleet(history):
    """Nothing tells how fast anything was."""
    file = history(LINE)

    with pytest.raises(TraceInvalid, match="no line names the endpoint that served it; say with --fleet which endpoints there are"):
        history_scenario(file, read_history(file), None)


def test_a_fleet_must_have_the_models_that_are_called(history):
    """Names them."""
    file = history(LINE, LINE | {"model": "n"})

    with pytest.raises(TraceInvalid, match=r"calls 'n'; expected one of the models of the fleet's \[\[endpoints\]\]: m"):
        history_scenario(file, read_history(file), Scenario(endpoints=(EndpointGroup(),)))


def test_endpoints_are_estimated_from_what_their_calls_took(history, make_run, plan, kept):
    """A history made by a simulated endpoint leads back to its speeds."""
    group = EndpointGroup(name="gpu", slots=4, prefill_tokens_per_s=5000, decode_tokens_per_s=4000, call_tokens_per_s=50)
    make_run(group, feedback=kept).go(plan(number * 2.5, prompt=1000 + number, output=101) for number in range(50))
    rows = [dict(zip(COLUMNS, values_of(record, 1.7e9), strict=True)) for record in kept.records]
    file = history(*rows)

    found = history_scenario(file, read_history(file), None).endpoints[0]

    assert 5000 == pytest.approx(found.prefill_tokens_per_s, rel=0.01)
    assert 50 == pytest.approx(found.call_tokens_per_s, rel=0.01)
    assert 1 == found.slots
