"""The steady load, the line through memory, and what a soak makes of both."""

from __future__ import annotations

import asyncio
import json
import shutil
import xml.etree.ElementTree as ET

import pytest

from bench.answers import ask
from bench.bodies import SMALL_BYTES, call_body
from bench.cores import pinned
from bench.errors import BenchError, MeasurementFailed
from bench.loop_lag import LoopLag
from bench.markers import write_between
from bench.peers import load_peers
from bench.plot import Curve, curve, even_ticks
from bench.server import Server, running_engine
from bench.soak import administered
from bench.soaked import Load, Soaked, document
from bench.steady import StreamReport, Tally, call_exactly, open_streams
from bench.trend import MemorySample, growth_mb_per_h, percentile, rss_mb_at

needs_cc = pytest.mark.skipif(
    shutil.which("cc") is None, reason="needs a C compiler for the fake engine (apt-get install gcc libc6-dev)"
)


@pytest.fixture
def engine():
    """A fake engine, seen as if it were the server in front of it."""
    with running_engine(0, 4, 5.0) as port:
        answer = ask(port, "POST", "/v1/chat/completions", {}, call_body(SMALL_BYTES))
        yield Server(load_peers()["llmlb"], 0, port, (port,), {"Authorization": "Bearer nobody-checks"}, answer)


def flat(minutes: int, mb: float = 80.0, mb_per_h: float = 0.0) -> list[MemorySample]:
    """Return memory that grows in a straight line, looked at every second."""
    return [MemorySample(float(at), int((mb + mb_per_h * at / 3600) * 1e6)) for at in range(minutes * 60 + 1)]


def soaked(**changes: object) -> Soaked:
    """Return ten minutes without a fault."""
    whole = Soaked(Load(600), Tally(calls=100_000), streams=90_000, events=6_000_000, memory=flat(10))
    for name, value in changes.items():
        setattr(whole, name, value)
    return whole


def test_growth_is_the_slope_after_the_warm_up():
    """What caches take in the first fifth is no leak."""
    filling = [MemorySample(float(at), int(min(at, 60) * 1e6)) for at in range(601)]

    assert growth_mb_per_h(filling) == pytest.approx(0.0, abs=1e-6)
    assert growth_mb_per_h(flat(10, mb_per_h=90)) == pytest.approx(90, rel=0.01)
    assert 0.0 == growth_mb_per_h([])
    assert 0.0 == growth_mb_per_h(flat(0))


def test_memory_at_a_share_of_the_time_is_a_median():
    """One look that caught a burst says nothing."""
    samples = flat(10)
    samples[300] = MemorySample(300.0, 500_000_000)

    assert [80.0, 80.0, 80.0] == [rss_mb_at(samples, share) for share in (0.1, 0.5, 1.0)]


def test_percentiles_are_values_that_were_seen():
    """None of nothing."""
    assert (2.0, 3.0, 0.0) == (percentile([3.0, 1.0, 2.0], 0.5), percentile([1.0, 3.0, 2.0], 0.99), percentile([], 0.5))


def test_a_clean_soak_has_no_complaint():
    """Flat memory, no error."""
    assert [] == soaked().complaints(30)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tally": Tally(calls=5, errors=1, first_error="TimeoutError: ")}, "1 plain calls failed; the first: TimeoutError"),
        ({"stream_errors": 2, "first_stream_error": "cut: closed"}, "2 streams failed; the first: cut: closed"),
        ({"dropped_records": 3}, "3 records of calls were lost"),
        ({"streams": 0}, "nothing was soaked"),
        ({"memory": flat(10, mb_per_h=31)}, "grows by 31.0 MB/h, more than 30"),
    ],
)
def test_each_fault_of_a_soak_is_told(changes, complaint):
    """Calls, streams, records, an idle bench and growth."""
    (told,) = soaked(**changes).complaints(30)

    assert complaint in told


def test_growth_of_a_short_run_is_not_judged():
    """Half a minute says nothing of an hour; the table says so."""
    short = soaked(load=Load(30), memory=flat(1, mb_per_h=500))

    assert [] == short.complaints(30)
    assert "+500.0 MB/h, too short to judge" in dict(short.rows())["growth after the first fifth, least squares"]


def test_a_soak_is_told_as_json_and_as_a_table():
    """Loop lag beyond the last bound is null, which JSON can hold."""
    whole = soaked(lag=LoopLag((1.0, float("inf")), (99, 1)), latency_p99_ms=2.5)

    told = json.loads(json.dumps(document(whole, []), allow_nan=False))
    rows = dict(whole.rows())

    assert {"p50": 1.0, "p99": 1.0} == told["loop_lag_ms"]
    assert {"10%": 80.0, "50%": 80.0, "100%": 80.0} == told["rss_mb"]
    assert ("100,000", "90,000", "0", "2.5 ms") == tuple(
        rows[name] for name in ("plain calls", "streams", "errors", "event latency p99")
    )


def test_the_key_of_a_soak_may_read_metrics():
    """And everything else of the server is as the bench has it."""
    peer = load_peers()["llmlb"]

    assert "admin" in administered(peer).key
    assert peer.start == administered(peer).start


def test_what_is_no_report_of_the_stream_client_is_told():
    """Its words are in the message."""
    with pytest.raises(BenchError, match="unknown option"):
        StreamReport.read("unknown option --seconds\n")


@needs_cc
async def test_streams_stay_open_until_the_time_is_over(engine):
    """A stream that ends is followed by another; all of them are right, and the last report comes after the last end."""
    with pinned(0):
        async with open_streams(engine, 5, 4, 1.2) as reports:
            seen = [report async for report in reports]

    first, last = seen[0], seen[-1]
    assert 5 == first.open
    assert last.is_last
    assert (last.streams, 0) == (last.ok, last.errors)
    assert last.streams > 3 * 5
    assert last.events == last.streams * 8


@needs_cc
async def test_a_stream_that_is_not_as_expected_is_an_error(engine):
    """Here of four events five are expected."""
    async with open_streams(engine, 2, 5, 0.1) as reports:
        seen = [report async for report in reports]

    assert seen[-1].errors == seen[-1].streams > 0
    assert "missing_event" in seen[-1].first_error


@needs_cc
async def test_plain_calls_are_counted_to_the_call(engine):
    """As many as were asked for, over all connections together."""
    tally = await call_exactly(engine, 101, 8)

    assert (101, 0, 101) == (tally.calls, tally.errors, len(tally.latencies_ms))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "502"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "expected 4"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "expected 4"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcx", "other bytes"),
        (b"", "IncompleteReadError"),
    ],
)
@needs_cc
async def test_a_wrong_answer_to_a_plain_call_is_an_error(engine, answer, why):
    """Status, length, bytes and an end before the answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    from attrs import evolve

    from bench.answers import Answer

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        target = evolve(engine, port=server.sockets[0].getsockname()[1], answer=Answer(200, b"abcd"))
        with pytest.raises(MeasurementFailed, match=why):
            await call_exactly(target, 1, 1)


def test_a_curve_begins_at_zero_and_has_round_marks():
    """Flat memory looks flat; one point is enough."""
    picture = ET.fromstring(curve(Curve("A & B", "minutes", "MB <all>", [(0.0, 80.0), (10.0, 81.0)])))

    (line,) = [each for each in picture.iter() if each.tag.endswith("polyline")]
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]

    assert max(heights) - min(heights) < 5
    assert [0, 20, 40, 60, 80] == even_ticks(0, 89, 6)
    assert "polyline" in curve(Curve("one", "x", "y", [(0.0, 0.0)]))
    with pytest.raises(ValueError, match="at least one point"):
        curve(Curve("none", "x", "y", []))


def test_only_what_stands_between_the_markers_is_replaced(tmp_path):
    """A page without them is refused and left alone."""
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- soak: begin -->\nold\n<!-- soak: end -->\n\n<!-- lag: begin -->\nkept\n<!-- lag: end -->\n")

    write_between(page, "soak", "new\n")

    assert (
        "# A\n\n<!-- soak: begin -->\n\nnew\n\n<!-- soak: end -->\n\n<!-- lag: begin -->\nkept\n<!-- lag: end -->\n"
        == page.read_text()
    )
    with pytest.raises(BenchError, match="syscalls: begin"):
        write_between(page, "syscalls", "new")
