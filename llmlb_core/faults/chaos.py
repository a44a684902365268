"""Calls that meet whatever comes: random faults, and the four things that hold for every one of them.

Every call ends before its deadline; no cut answer is presented as finished; no endpoint sees more attempts of a call than it may;
afterwards nothing is in flight and calls work.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from llmlb_core.faults.caller import Caller, Seen, make_call
from llmlb_core.faults.case import Case, Mode, request_body
from llmlb_core.faults.fault import Fault
from llmlb_core.faults.judge import broken_invariants
from llmlb_core.faults.named import FAULTS
from llmlb_core.faults.server import FaultServer
from llmlb_core.faults.told import has_content, read_told

NOT_FOR_CHANCE = (
    "length_too_short",
    "huge_event",
    "cut_when_large",
    "429_retry_after_6",
    "429_retry_after_60",
    "no_finish",
    "choice_unfinished",
)
"""Left out of random schedules: too large for a steady load, long cool-downs, or whole texts that only lack their end."""
CHANCES: Sequence[str] = tuple(name for name in FAULTS if name not in NOT_FOR_CHANCE)
SILENT: Sequence[str] = tuple(
    name for name in CHANCES if name.startswith(("silent", "stall")) or name in ("no_sentinel_open", "open_after_sentinel")
)
"""These cost time: a limit has to pass."""
BUSY: Sequence[str] = tuple(name for name in CHANCES if name.startswith("429") or "retry_after" in name)
"""These keep every call away for a second or more."""

_numbers = itertools.count(1)


class Call(msgspec.Struct, frozen=True):
    """One call of a random schedule.

    Attributes:
        model: What it names.
        faults: What its attempts meet, in order; after them there is none.
        varies: Whether every attempt would say something else.
    """

    model: str
    mode: Mode
    faults: Sequence[str] = ()
    varies: bool = False


class Outcome(msgspec.Struct):
    """What came of it.

    Attributes:
        complaints: Which of the four does not hold, in sentences.
        how: ``whole``, ``error``, ``in_band``, or ``late`` and ``cut``, which must not be.
        code: Of the error, where there was one.
    """

    how: str
    complaints: list[str]
    attempts: int
    seconds: float
    code: str = ""


async def make_random_call(caller: Caller, server: FaultServer, call: Call, deadline_s: float) -> Outcome:
    """Make *call* and return what came of it."""
    prompt = f"chance {next(_numbers)}"
    plan = server.plan(prompt, *(_fault(name, call) for name in call.faults), Fault(varies=call.varies))
    seen = Seen()

    def look() -> None:
        if not plan.delivered.is_set() and has_content(bytes(seen.body)):
            plan.delivered.set()

    seen.on_news = look
    case = Case(name="chance", says="", sees="", rules=(), faults=())
    try:
        await make_call(caller, case.path, request_body(case, call.mode, call.model, prompt), deadline_s, seen)
        complaints = [
            f"{call.mode}, {', '.join(call.faults) or 'no fault'}: {each}" for each in broken_invariants(seen, plan.visits)
        ]
        errors = read_told(seen).errors
        code = str(errors[0].get("code")) if errors else ""
        return Outcome(_how(seen), complaints, len(plan.visits), seen.seconds, code)
    finally:
        del server.plans[prompt]


def _fault(name: str, call: Call) -> Fault:
    fault = FAULTS[name]
    return msgspec.structs.replace(fault, varies=True) if call.varies else fault


def _how(seen: Seen) -> str:
    if seen.is_late:
        return "late"
    if not seen.is_whole:
        return "cut"
    told = read_told(seen)
    if seen.status != 200:
        return "error"
    return "in_band" if told.errors else "whole"
