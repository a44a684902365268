"""What came of the cases, for people, for programs and for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from llmlb_core.faults.case import MODES, Case, Mode
from llmlb_core.faults.runner import Result

PASSED, FAILED, NOT_TRIED, NONE = "pass", "FAIL", "skipped", "-"


class Scorecard:
    """Results by case and mode."""

    def __init__(self, cases: Iterable[Case], results: Iterable[Result]) -> None:
        """Hold *results* in the order of *cases*."""
        self.cases = list(cases)
        self.results = {(each.name, each.mode): each for each in results}

    @property
    def failed(self) -> list[Result]:
        """Those that did not pass, in the order of the cases."""
        ordered = [self.results.get((case.name, mode)) for case in self.cases for mode in MODES]
        return [each for each in ordered if each is not None and each.problems]

    @property
    def passed_count(self) -> int:
        """How many passed."""
        return sum(each.is_passed for each in self.results.values())

    @property
    def is_passed(self) -> bool:
        """Whether something was tried and nothing failed."""
        return bool(self.results) and not self.failed

    def mark(self, name: str, mode: Mode) -> str:
        """Return one word for a case in a mode."""
        result = self.results.get((name, mode))
        if result is None:
            return NONE
        return NOT_TRIED if result.skipped else FAILED if result.problems else PASSED

    def lines(self) -> Iterable[str]:
        """Yield a table in plain text, then what went wrong."""
        rows = [("rules", "fault: a server that …", *MODES)]
        rows += [(_rules(case), case.says.replace("`", ""), *(self.mark(case.name, mode) for mode in MODES)) for case in self.cases]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield ""
        yield f"{self.passed_count} of {len(self.results)} passed."
        for result in self.failed:
            yield f"FAIL {result.name}, {result.mode}: " + "; ".join(result.problems)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        says = {case.name: case for case in self.cases}
        return {
            "passed": self.passed_count,
            "total": len(self.results),
            "cases": [
                {
                    **msgspec.to_builtins(each),
                    "rules": list(says[each.name].rules),
                    "fault": says[each.name].says,
                    "passed": each.is_passed,
                }
                for each in self.results.values()
            ],
        }


def markdown(cases: Sequence[Case], cards: Mapping[str, Scorecard]) -> str:
    """Return the table of the page: a row a case, a column a plane and mode."""
    columns = [(plane, mode) for plane in cards for mode in MODES]
    head = ["rules", "a server that …", "the client sees", *(f"{plane}, {mode}" for plane, mode in columns)]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---" + "|:-:" * len(columns) + "|"]
    for case in cases:
        marks = [_sign(cards[plane].mark(case.name, mode)) for plane, mode in columns]
        lines.append("| " + " | ".join([_rules(case), case.says, case.sees, *marks]) + " |")
    total = sum(len(card.results) for card in cards.values())
    passed = sum(card.passed_count for card in cards.values())
    return "\n".join([f"{passed} of {total} passed.", "", *lines])


def _sign(mark: str) -> str:
    return {PASSED: "✓", FAILED: "✗", NONE: ""}.get(mark, mark)


def _rules(case: Case) -> str:
    return ", ".join(map(str, case.rules))
