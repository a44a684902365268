"""Bars and a curve as SVG, written by hand: no plotting library for two pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from attrs import frozen

WIDTH, LABEL_WIDTH, RIGHT = 860, 250, 70
ROW, BAR, TITLE, GAP, AXIS = 28, 18, 34, 26, 22
OURS, OTHERS, INK, FAINT = "#0b6e4f", "#9aa5b1", "#1f2933", "#d5dbe1"


@frozen
class Bar:
    """One bar: a name, how many times nginx it costs, and whether it is ours."""

    label: str
    value: float
    is_ours: bool = False


def axis_ticks(low: float, high: float) -> list[float]:
    """Return where a logarithmic axis from *low* to *high* is marked: 1, 2, 5 of each decade, only decades over three."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 1000 else (1, 2, 5)
    return [tick for decade in decades for step in steps if low <= (tick := step * 10.0**decade) <= high]


def position(value: float, low: float, high: float, width: float) -> float:
    """Return where *value* lies on a logarithmic axis of *width*."""
    return width * math.log(max(value, low) / low) / math.log(high / low)


def bars(title: str, panels: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Return one SVG with a panel of bars below another, on logarithmic axes that begin at half the least value."""
    height = 50 + sum(TITLE + ROW * len(rows) + AXIS + GAP for _, rows in panels)
    parts = [
        *_frame(title, height),
        f'<text x="{WIDTH - 16}" y="30" font-size="11" text-anchor="end">logarithmic; shorter is better</text>',
    ]
    top = 50.0
    for name, rows in panels:
        parts += _panel(name, rows, top)
        top += TITLE + ROW * len(rows) + AXIS + GAP
    return "\n".join([*parts, "</svg>", ""])


def _frame(title: str, height: int) -> list[str]:
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'font-family="system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif" font-size="13" fill="{INK}">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="30" font-size="17" font-weight="600">{escape(title)}</text>',
    ]


def _panel(title: str, rows: Sequence[Bar], top: float) -> list[str]:
    low, high = min(row.value for row in rows) / 2, max(2.0, *(row.value for row in rows)) * 1.05
    width, first = WIDTH - LABEL_WIDTH - RIGHT, top + TITLE
    bottom = first + ROW * len(rows)
    parts = [f'<text x="16" y="{top + 18:.0f}" font-weight="600">{escape(title)}</text>']
    for tick in axis_ticks(low, high):
        x = LABEL_WIDTH + position(tick, low, high, width)
        parts.append(f'<line x1="{x:.1f}" y1="{first:.0f}" x2="{x:.1f}" y2="{bottom:.0f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15:.0f}" font-size="11" text-anchor="middle">{tick:g}×</text>')
    for index, row in enumerate(rows):
        y = first + ROW * index + (ROW - BAR) / 2
        length = position(row.value, low, high, width)
        weight = ' font-weight="600"' if row.is_ours else ""
        parts.append(f'<text x="{LABEL_WIDTH - 8}" y="{y + 13:.1f}" text-anchor="end"{weight}>{escape(row.label)}</text>')
        fill = OURS if row.is_ours else OTHERS
        parts.append(f'<rect x="{LABEL_WIDTH}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" rx="2" fill="{fill}"/>')
        said = f"{row.value:.2f}" if row.value < 10 else f"{row.value:,.0f}"
        parts.append(f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{y + 13:.1f}"{weight}>{said}</text>')
    return parts


@frozen
class Curve:
    """A quantity over time; points ascend in time."""

    title: str
    x_label: str
    y_label: str
    points: Sequence[tuple[float, float]]


def even_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return round marks from *low* to *high*, at most *most* of them: 1, 2 or 5 times a power of ten apart."""
    span = max(high - low, 1e-9)
    least = span / most
    magnitude = 10.0 ** math.floor(math.log10(least))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least)
    return [step * number for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def curve(shown: Curve) -> str:
    """Return one SVG of *shown*; its vertical axis begins at 0, so that flat looks flat.

    Raises:
        ValueError: There are no points.
    """
    if not shown.points:
        raise ValueError("a curve needs at least one point")
    height, left, right, top, bottom = 300, 64, WIDTH - 24, 52, 252
    last_x = max(x for x, _ in shown.points) or 1.0
    most_y = max(y for _, y in shown.points) * 1.1 or 1.0

    def at(x: float, y: float) -> str:
        return f"{left + (right - left) * x / last_x:.1f},{bottom - (bottom - top) * y / most_y:.1f}"

    parts = [*_frame(shown.title, height), f'<text x="{left}" y="46" font-size="11">{escape(shown.y_label)}</text>']
    for tick in even_ticks(0, most_y, 6):
        y = bottom - (bottom - top) * tick / most_y
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{tick:g}</text>')
    for tick in even_ticks(0, last_x, 10):
        x = left + (right - left) * tick / last_x
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" font-size="11" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{right}" y="{bottom + 38}" font-size="11" text-anchor="end">{escape(shown.x_label)}</text>')
    line = " ".join(at(x, y) for x, y in shown.points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{OURS}" stroke-width="1.5"/>')
    return "\n".join([*parts, "</svg>", ""])
