"""The short run of CI: nginx and llmlb against the ratios that were recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError

TOLERANCE = 0.30
"""Shared machines wobble; a real regression of a hot path is larger than this, or is found by the full run."""

Ratios = Mapping[str, Mapping[str, float]]


def compare(recorded: Ratios, measured: Ratios) -> list[str]:
    """Return one complaint for each recorded ratio that was exceeded by more than 30 %, or not measured."""
    complaints = []
    for server, scenarios in recorded.items():
        for scenario, allowed in scenarios.items():
            ratio = measured.get(server, {}).get(scenario)
            if ratio is None:
                complaints.append(f"{server}, {scenario}: recorded is {allowed:g} × nginx, but nothing was measured")
            elif ratio > allowed * (1 + TOLERANCE):
                complaints.append(
                    f"{server}, {scenario}: {ratio:.2f} × nginx, more than 30 % above the recorded {allowed:g} "
                    "(where that is meant: python -m bench check --record)"
                )
    return complaints


def read_recorded(file: Path) -> dict[str, dict[str, float]]:
    """Return the recorded ratios.

    Raises:
        BenchError: Nothing was recorded yet, or the file holds something else.
    """
    try:
        ratios: dict[str, dict[str, float]] = json.loads(file.read_text())["ratios"]
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{file.name} has no recorded ratios ({error}); record them: python -m bench check --record") from error
    return ratios


def write_recorded(file: Path, ratios: Ratios, machine: Mapping[str, Any]) -> None:
    """Record *ratios*."""
    file.write_text(json.dumps({"machine": dict(machine), "ratios": ratios}, indent=2) + "\n")
