"""The scorecard of ``docs/explanation/reliability.md`` is what the suite finds; ``LLMLB_UPDATE=1`` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from llmlb_core.faults.cases import CASES
from llmlb_core.faults.scorecard import markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "reliability.md"
BEGIN, END = "<!-- scorecard: begin -->", "<!-- scorecard: end -->"


def test_the_scorecard_on_the_page_is_what_the_suite_finds(card_of):
    """A row a fault, a column a plane and mode."""
    made = markdown(CASES, {plane: card_of(plane, "auto") for plane in ("wire", "asgi")})
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    shown, _, after = rest.partition(END)

    if os.environ.get("LLMLB_UPDATE"):
        PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")
        return
    assert made == shown.strip()


def test_every_case_says_what_is_seen():
    """In words that stand in a table."""
    assert [] == [case.name for case in CASES if not case.says or not case.sees or "|" in case.says + case.sees]
