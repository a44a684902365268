"""Tables of a result, and the file that carries them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.markers import write_between
from bench.plot import Bar, bars
from bench.scenarios import SCENARIOS

PAGE, PLOT = "performance.md", "performance.svg"
Medians = dict[str, dict[str, float]]

_CALLS = (("µs/call", "cpu_us"), ("calls/s, one core", "calls_per_s"), ("p50 ms", "p50_us"), ("p99 ms", "p99_us"))
_STREAMS = (
    ("µs/event", "cpu_us"),
    ("p99 event latency ms", "latency_p99_ms"),
    ("first token p50 ms", "first_token_p50_ms"),
    ("kB per stream", "kb_per_stream"),
)


def latest_result(folder: Path) -> Path:
    """Return the newest saved result; names are dates.

    Raises:
        BenchError: There is none.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BenchError(f"no result was saved in {folder.name}/ yet: python -m bench peers")
    return files[-1]


def markdown(document: dict[str, Any]) -> str:
    """Return *document* as tables: when and where, one table a scenario, the goals, what failed and what was left out."""
    parts = [_head(document)]
    parts += [_scenario_table(document, name) for name in SCENARIOS if any(name in of for of in document["medians"].values())]
    parts.append(_goals_table(document["goals"]))
    parts += [
        f"**Failed**: {each['server']}, {each['scenario']}, round {each['round']}: {each['reason']}"
        for each in document["failures"]
    ]
    parts += [f"Not installed, left out: {name} (`{how}`)." for name, how in document["skipped"].items()]
    parts += [f"{server['label']}: {server['why']}." for server in document["servers"].values() if server.get("why")]
    return "\n\n".join(part for part in parts if part)


def _head(document: dict[str, Any]) -> str:
    machine = document["machine"]
    return (
        f"Measured {document['date'][:10]}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']} {machine['kernel']}, Python {machine['python']}; "
        f"medians of {document['rounds']} interleaved rounds."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(metric: str, value: float) -> str:
    if metric.endswith("_us") and metric != "cpu_us":
        return f"{value / 1000:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _scenario_table(document: dict[str, Any], name: str) -> str:
    scenario = SCENARIOS[name]
    columns = _STREAMS if scenario.streams else _CALLS
    medians: dict[str, Medians] = document["medians"]
    measured = [server for server in medians if name in medians[server]]
    measured.sort(key=lambda server: medians[server][name][scenario.metric or "cpu_us"])
    head = [scenario.title, *(column for column, _ in columns), *(["× nginx"] if scenario.metric else [])]
    rows = []
    for server in measured:
        numbers = medians[server][name]
        ratio = 1.0 if server == "nginx" else document["ratios"].get(server, {}).get(name)
        row = [document["servers"][server]["label"], *(_number(metric, numbers[metric]) for _, metric in columns)]
        rows.append(
            row + ([] if not scenario.metric else ["–" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"])
        )
    return _table(head, rows)


def _goals_table(goals: Sequence[dict[str, Any]]) -> str:
    if all(goal["verdict"] == "not measured" for goal in goals):
        return ""
    rows = [
        (
            goal["goal"] + (f" vs {goal['against']}" if goal["against"] else ""),
            "–" if goal["measured"] is None else f"{goal['measured']:.3g}",
            *(f"≤ {goal[which]:.3g}" for which in ("wanted", "never_worse_than")),
            goal["verdict"],
        )
        for goal in goals
    ]
    return _table(("llmlb", "measured", "goal", "never worse than", "verdict"), rows)


def plot(document: dict[str, Any]) -> str:
    """Return the SVG: CPU per call and per event, × nginx."""
    panels = []
    for name, title in (("call", "CPU per call, × nginx"), ("event", "CPU per streamed event, × nginx")):
        ratios = {server: of[name] for server, of in document["ratios"].items() if name in of}
        if ratios:
            found = sorted({"nginx": 1.0, **ratios}.items(), key=lambda item: item[1])
            panels.append(
                (
                    f"{title} · {SCENARIOS[name].title}",
                    [Bar(_short(document, server), value, server == "llmlb") for server, value in found],
                )
            )
    return bars(f"llmlb and its peers, {document['date'][:10]}", panels)


def _short(document: dict[str, Any], server: str) -> str:
    return str(document["servers"].get(server, {}).get("label", server)).partition(",")[0].replace(" reverse proxy", "")


def write_report(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plot, and the tables between the markers of the page; the rest of the page is left as it is.

    Raises:
        BenchError: The page is not there or has no markers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, picture = folder / PAGE, folder / PLOT
    alt = "Bars: CPU per call and per streamed event as multiples of nginx"
    write_between(page, "bench", f"![{alt}]({PLOT})\n\n{markdown(document)}")
    picture.write_text(plot(document))
    return [page, picture]


def write_goals(document: dict[str, Any], page: Path) -> Path:
    """Write when *document* was measured and its verdicts between the markers of *page*.

    Raises:
        BenchError: The page is not there or has no markers.
    """
    write_between(page, "goals", f"{_head(document)}\n\n{_goals_table(document['goals'])}")
    return page
