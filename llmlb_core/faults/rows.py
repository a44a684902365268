"""What rows of the table have in common."""

from __future__ import annotations

import msgspec

from llmlb_core.faults.case import Mode
from llmlb_core.faults.fault import WORKS, Fault
from llmlb_core.faults.named import FAULTS

STREAM: tuple[Mode, ...] = ("stream",)
PLAIN: tuple[Mode, ...] = ("plain",)
TOOLS = {"tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]}
USAGE = {"stream_options": {"include_usage": True}}
OTHER = "a whole answer, of another endpoint"
SAME = "a whole answer, of the same endpoint after a pause"
REPLAYED = "a whole answer: the rest comes from another endpoint that says the same"
IN_BAND = "what came, then one error event, no `[DONE]`"


def then_works(*names: str) -> tuple[Fault, ...]:
    """Return the faults of these names, then none."""
    return (*(FAULTS[name] for name in names), WORKS)


def varying(name: str) -> tuple[Fault, ...]:
    """Return a fault, then none, at servers that say something else every time."""
    return (msgspec.structs.replace(FAULTS[name], varies=True), Fault(varies=True))
