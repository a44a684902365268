"""Where the bench finds and leaves its files."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
SCRATCH = ROOT / ".bench"
RESULTS = BENCH / "results"
RECORDED = BENCH / "recorded.json"
PEERS_TOML = BENCH / "peers.toml"
