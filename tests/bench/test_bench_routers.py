"""The comparison of routers: its tables say what the figures say."""

from __future__ import annotations

from bench.routers import PAGE, cpu_us, latencies, simulate
from llmlb_core.settings.load import load_settings


def test_the_table_marks_the_best_and_says_where_the_default_is_not(tmp_path):
    """Issue 4: at or below every other router, or say where not."""
    settings = load_settings(environ={}, data_dir=tmp_path)
    results = {
        (trace, router): [simulate(settings, trace, router, seed, 200) for seed in (1, 2)]
        for trace in ("slow", "uniform")
        for router in ("least_in_flight", "round_robin")
    }

    table = latencies(results, "round_robin")

    lines = table.splitlines()
    assert "| router | `slow` | `uniform` |" == lines[0]
    assert ["| `least_in_flight` |", "| `round_robin` |"] == [line[: line.index("|", 2) + 1] for line in lines[2:4]]
    assert 2 <= table.count("**") // 2
    told = [line for line in lines if line.startswith("- ")]
    assert 2 == len(told)
    assert all("`round_robin` is at or below" in line or "below `round_robin` are `least_in_flight`" in line for line in told)


def test_a_call_costs_something(tmp_path):
    """Of the CPU, with everything that serves it."""
    assert 0 < cpu_us(load_settings(environ={}, data_dir=tmp_path), "round_robin", 8, 100) < 1e6


def test_the_page_has_places_for_the_tables():
    """And the picture is beside it."""
    text = PAGE.read_text()

    assert all(f"<!-- {name}: {edge} -->" in text for name in ("speed", "routers") for edge in ("begin", "end"))
    assert f"]({PAGE.stem}.svg)" in text
    assert PAGE.with_suffix(".svg").exists()
