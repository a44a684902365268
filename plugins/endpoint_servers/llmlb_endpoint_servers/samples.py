"""Numbers of a Prometheus page."""

from __future__ import annotations

import math


def sum_of(page: str, name: str) -> int | None:
    """Return the sum of the samples of *name*, over all labels; None where the page has none."""
    total, is_there = 0.0, False
    for line in page.splitlines():
        if not line.startswith(name) or line[len(name) : len(name) + 1] not in ("{", " "):
            continue
        value = line.rpartition("}")[2] if "}" in line else line[len(name) :]
        try:
            number = float(value.split()[0])
        except (ValueError, IndexError):
            continue
        if math.isfinite(number) and number >= 0:
            total, is_there = total + number, True
    return int(total) if is_there else None
