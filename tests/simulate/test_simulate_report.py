"""Results as people and programs read them."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from llmlb_core.simulate.chart import chart
from llmlb_core.simulate.report import document, seconds_text, table
from llmlb_core.simulate.tally import Result, Tally, Times


def result(router="mine", first=(0.1, 0.2, 0.3), endpoints=2, errors=None, faults=None):
    return Result(
        trace="t",
        router=router,
        calls=100,
        served=90,
        errors=errors or {},
        first_token=Times(*first, 0.15),
        total=Times(1.0, 20.0, 3000.0, 1.5),
        goodput_0_1=0.875,
        waited_0_1=0.25,
        queue_mean=1.26,
        queue_max=7,
        cached_0_1=0.5,
        retries=0,
        seconds=60.0,
        share_by_endpoint={f"e{number}": 1 / endpoints for number in range(endpoints)},
        faults=faults or {},
    )


def test_times_are_percentiles_of_what_was_seen():
    """By nearest rank: each is a time that some call took."""
    times = Times.of([float(number) for number in range(1, 201)])

    assert Times(100.0, 190.0, 198.0, 100.5) == times
    assert Times(0.0, 0.0, 0.0, 0.0) == Times.of([])


def test_the_queue_is_measured_over_time():
    """Two calls for one second and one for another, over four seconds, are three quarters of a call."""
    tally = Tally(slo_first_token_s=1.0)
    for step, now in ((1, 0.0), (1, 0.0), (-1, 1.0), (-1, 2.0)):
        tally.queue(step, now)

    measured = tally.result("t", "r", 4.0, {})

    assert (0.75, 2) == (measured.queue_mean, measured.queue_max)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.00012, "0.12 ms"),
        (0.1234, "123 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (12.345, "12.3 s"),
        (1234.5, "1234 s"),
    ],
)
def test_times_have_three_digits_and_a_unit(seconds, text):
    """Enough to compare, few enough to read."""
    assert text == seconds_text(seconds)


def test_a_table_says_what_went_wrong():
    """Errors by code, faults by who made them."""
    lines = list(table("title", [result(errors={"queue_full": 7, "bad_gateway": 3}, faults={"router 'mine'": 2})]))

    assert "title" == lines[0]
    assert ["mine", "100", "ms", "200", "ms", "300", "ms", "1", "s", "20", "s", "3000", "s"] == lines[2].split()[:13]
    assert ["87.5", "%", "25.0", "%", "1.3", "7", "50.0", "%", "10"] == lines[2].split()[13:]
    assert "share: e0 50.0 %, e1 50.0 %" in lines[3]
    assert "errors: 7 queue_full, 3 bad_gateway" in lines[4]
    assert "faults: router 'mine' 2 times" in lines[5]


def test_many_endpoints_are_told_by_their_extremes():
    """A thousand names help nobody."""
    lines = list(table("title", [result(endpoints=1000)]))

    assert "share: 1000 endpoints, from 0.1 % (e0) to 0.1 % (e0)" in lines[3]


def test_the_document_is_json_with_every_figure():
    """Times in seconds, shares from 0 to 1."""
    read = json.loads(json.dumps(document([result()], seed=3)))

    assert 3 == read["seed"]
    assert {"p50_s": 0.1, "p95_s": 0.2, "p99_s": 0.3, "mean_s": 0.15} == read["results"][0]["first_token"]


def test_a_picture_marks_the_best_and_lies_within_its_frame():
    """Also where times are 0 or all alike; names are text, whatever they hold."""
    rows = [result("fast"), result("<slow>", (0.2, 30.0, 400.0)), result("none", (0.0, 0.0, 0.0))]

    picture = ET.fromstring(chart([("one & only", rows), ("alike", [result(), result("other")])]))

    names = {each.text: each.get("font-weight") for each in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert names["none"] == "600"
    assert names["<slow>"] is None
    assert names["mine"] == names["other"] == "600"
    xs = [float(each.get("cx")) for each in picture.iter("{http://www.w3.org/2000/svg}circle")]
    assert 0 < min(xs)
    assert max(xs) < float(picture.get("width"))
