"""How long ``llmlb`` takes to start and how much memory it needs idle.

Usage: ``python bench/startup.py [--rounds 5] [--json]``. Medians; the goals are those of ``docs/explanation/performance.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOALS = {"help_ms": (300, 500), "core_import_ms": (100, 250), "ready_ms": (1000, 2000), "idle_mb": (80, 120)}


def time_of(command: list[str]) -> float:
    """Return the milliseconds that *command* takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return (time.perf_counter() - started) * 1000


def time_to_ready(data_dir: str) -> tuple[float, float]:
    """Return milliseconds until the server answers, and its resident megabytes then."""
    environment = {**os.environ, "LLMLB_DATA_DIR": data_dir, "LLMLB_PORT": "0"}
    started = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-m", "llmlb_core", "serve"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        if "listening" not in line:
            raise RuntimeError(f"the server did not start: {line!r}")
        ready_ms = (time.perf_counter() - started) * 1000
        status = Path(f"/proc/{server.pid}/status").read_text()
        resident_kb = next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS"))
        return ready_ms, resident_kb / 1000
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def main() -> int:
    """Measure, print, and return 1 where a bound that may never be passed is passed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    figures: dict[str, list[float]] = {name: [] for name in GOALS}
    with tempfile.TemporaryDirectory() as data_dir:
        time_to_ready(data_dir)  # makes the database, compiles bytecode
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            figures["help_ms"].append(time_of([sys.executable, "-m", "llmlb_core", "--help"]))
            figures["core_import_ms"].append(time_of([sys.executable, "-c", "import llmlb_core"]))
            ready_ms, idle_mb = time_to_ready(data_dir)
            figures["ready_ms"].append(ready_ms)
            figures["idle_mb"].append(idle_mb)
    medians = {name: round(statistics.median(values), 1) for name, values in figures.items()}
    if arguments.json:
        print(json.dumps(medians))
    else:
        print(f"{'figure':<16}{'median':>10}{'goal':>10}{'never above':>14}")
        for name, (goal, bound) in GOALS.items():
            print(f"{name:<16}{medians[name]:>10}{goal:>10}{bound:>14}")
    return int(any(medians[name] > bound for name, (_, bound) in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
