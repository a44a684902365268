"""The table: which fault, and what must be seen, from harmless to bad."""

from __future__ import annotations

from llmlb_core.faults.case import Case
from llmlb_core.faults.cases_after import after_content, leaving, odd_but_whole
from llmlb_core.faults.cases_before import before_content

CASES: tuple[Case, ...] = (*odd_but_whole(), *before_content(), *after_content(), *leaving())
