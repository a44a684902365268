"""First-token times as SVG, written by hand: a line from p50 to p99 for each router, a panel for each trace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from llmlb_core.simulate.report import seconds_text
from llmlb_core.simulate.tally import Result

WIDTH, LABEL_WIDTH, RIGHT = 860, 170, 90
ROW, TITLE, GAP, AXIS = 26, 34, 26, 22
BEST, OTHERS, INK, FAINT = "#0b6e4f", "#9aa5b1", "#1f2933", "#d5dbe1"
LEAST_S = 0.001
"""Shorter times are drawn as this; a logarithmic axis has no 0."""


def chart(panels: Sequence[tuple[str, Sequence[Result]]]) -> str:
    """Return one SVG. Of each trace, the router with the least p99 is marked.

    Args:
        panels: Title and results of each trace.
    """
    height = 50 + sum(TITLE + ROW * len(results) + AXIS + GAP for _, results in panels)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'font-family="system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif" font-size="13" fill="{INK}">'
        ),
        "<title>Time to the first token: p50, p95 and p99 of each router</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="30" font-size="17" font-weight="600">Time to the first token</text>',
        f'<text x="{WIDTH - 16}" y="30" font-size="11" text-anchor="end">p50, p95, p99; logarithmic; left is better</text>',
    ]
    top = 50.0
    for title, results in panels:
        parts += _panel(title, results, top)
        top += TITLE + ROW * len(results) + AXIS + GAP
    return "\n".join([*parts, "</svg>", ""])


def _panel(title: str, results: Sequence[Result], top: float) -> list[str]:
    times = [[max(LEAST_S, each) for each in (r.first_token.p50_s, r.first_token.p95_s, r.first_token.p99_s)] for r in results]
    low, high = min(map(min, times)) / 1.2, max(map(max, times)) * 1.2
    best = min(row[2] for row in times)
    first = top + TITLE
    bottom = first + ROW * len(results)
    parts = [f'<text x="16" y="{top + 18:.0f}" font-weight="600">{escape(title)}</text>']
    for tick in _ticks(low, high):
        x = _x(tick, low, high)
        parts.append(f'<line x1="{x:.1f}" y1="{first:.0f}" x2="{x:.1f}" y2="{bottom:.0f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15:.0f}" font-size="11" text-anchor="middle">{seconds_text(tick)}</text>')
    for place, (result, row) in enumerate(zip(results, times, strict=True)):
        y = first + ROW * (place + 0.5)
        is_best = row[2] <= best * 1.0005
        color, weight = (BEST, ' font-weight="600"') if is_best else (OTHERS, "")
        xs = [_x(seconds, low, high) for seconds in row]
        parts.append(f'<text x="{LABEL_WIDTH - 10}" y="{y + 4:.1f}" text-anchor="end"{weight}>{escape(result.router)}</text>')
        parts.append(f'<line x1="{xs[0]:.1f}" y1="{y:.1f}" x2="{xs[2]:.1f}" y2="{y:.1f}" stroke="{color}" stroke-width="3"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}"/>' for x, radius in zip(xs, (3, 4, 6), strict=True)
        ]
        parts.append(f'<text x="{xs[2] + 12:.1f}" y="{y + 4:.1f}"{weight}>{seconds_text(result.first_token.p99_s)}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 300 else (1, 2, 5)
    return [tick for decade in decades for step in steps if low <= (tick := step * 10.0**decade) <= high]


def _x(seconds: float, low: float, high: float) -> float:
    return LABEL_WIDTH + (WIDTH - LABEL_WIDTH - RIGHT) * math.log(seconds / low) / math.log(high / low)
