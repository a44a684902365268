"""Tables and the plot."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from bench.errors import BenchError
from bench.goals import judge
from bench.markers import markers
from bench.plot import Bar, axis_ticks, bars, position
from bench.report import latest_result, markdown, write_goals, write_report
from bench.result import Measurement, Result

BEGIN, END = markers("bench")


@pytest.fixture
def document():
    """Return a saved result of two servers."""
    numbers = {"cpu_us": 20.0, "calls_per_s": 50_000.0, "p50_us": 600.0, "p99_us": 1000.0, "core_share": 0.99, "rss_mb": 16.0}
    result = Result([Measurement(1, "call", "nginx", numbers), Measurement(1, "call", "llmlb", numbers | {"cpu_us": 36.0})])
    return {
        "date": "2026-01-02T03:04:05+00:00",
        "machine": {"cpu": "A CPU", "cores": 2, "memory_gb": 24, "kernel": "6.1", "python": "3.11.7", "system": "Linux"},
        "rounds": 1,
        "servers": {"nginx": {"label": "nginx 1.22"}, "llmlb": {"label": "llmlb, all on"}},
        "skipped": {"smg": "python -m bench install smg"},
        "goals": judge(result),
        **result.document(),
    }


def test_tables_have_a_row_for_each_server(document):
    """Cheapest first, with the ratio to nginx, and what was left out."""
    text = markdown(document)

    assert "| nginx 1.22 | 20.0 | 50,000 | 0.6 | 1 | 1.00 |\n| llmlb, all on | 36.0 | 50,000 | 0.6 | 1 | 1.80 |" in text
    assert "Not installed, left out: smg (`python -m bench install smg`)." in text
    assert "| CPU per call vs nginx | 1.8 | ≤ 2 | ≤ 2.5 | met |" in text


def test_a_report_replaces_what_stands_between_the_markers(document, tmp_path):
    """And nothing else of the page; twice gives the same."""
    page = tmp_path / "performance.md"
    page.write_text(f"# Performance\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")

    write_report(document, tmp_path)
    first = page.read_text()
    write_report(document, tmp_path)

    assert first == page.read_text()
    assert first.startswith("# Performance\n\nBefore.\n")
    assert first.endswith("\n\nAfter.\n")
    assert "old" not in first
    assert (tmp_path / "performance.svg").exists()


def test_the_goals_alone_stand_in_the_readme(document, tmp_path):
    """With when and where they were measured, for a table without that says little."""
    page = tmp_path / "README.md"
    page.write_text("# Mine\n\n<!-- goals: begin -->\n<!-- goals: end -->\n")

    write_goals(document, page)

    assert "| CPU per call vs nginx | 1.8 | ≤ 2 | ≤ 2.5 | met |" in page.read_text()
    assert "interleaved rounds" in page.read_text()
    assert "calls/s" not in page.read_text()


def test_a_page_without_markers_is_left_alone(document, tmp_path):
    """The message names the lines it needs."""
    (tmp_path / "performance.md").write_text("# Mine\n")

    with pytest.raises(BenchError, match="bench: begin"):
        write_report(document, tmp_path)

    assert "# Mine\n" == (tmp_path / "performance.md").read_text()


def test_the_plot_is_xml_with_a_bar_for_each_server():
    """Names are escaped, ours has its colour."""
    picture = ET.fromstring(bars("A & B", [("CPU", [Bar("nginx <1>", 1.0), Bar("llmlb", 2.0, is_ours=True), Bar("slow", 600.0)])]))

    rectangles = [each for each in picture.iter() if each.tag.endswith("rect")]
    widths = [float(each.attrib["width"]) for each in rectangles[1:]]

    assert 3 == len(widths)
    assert sorted(widths) == widths
    assert 2 == len({each.attrib["fill"] for each in rectangles[1:]})


def test_axes_are_logarithmic():
    """Each tenfold is as long as the next."""
    assert position(10, 1, 100, 200) == pytest.approx(100)
    assert [1, 2, 5, 10] == axis_ticks(0.6, 12)
    assert [1, 10, 100, 1000] == axis_ticks(0.5, 1200)


def test_without_a_saved_result_the_command_is_named(tmp_path):
    """Nothing to report on."""
    with pytest.raises(BenchError, match="python -m bench peers"):
        latest_result(tmp_path)
