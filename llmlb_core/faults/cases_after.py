"""Rows of what happens once content is out (rules 6 to 9), and of what is odd but whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llmlb_core.faults.case import MODES, Case, Mode
from llmlb_core.faults.named import FAULTS
from llmlb_core.faults.rows import IN_BAND, REPLAYED, STREAM, TOOLS, USAGE, then_works, varying

_UNREADABLE = ("stall", "bad_event", "not_utf8")


def after_content() -> Sequence[Case]:
    """Return what breaks after content is out (rules 6 to 8)."""
    breaks = {
        "reset": "resets the connection in the middle of a stream",
        "cut": "closes the connection in the middle of a stream",
        "cut_in_event": "closes the connection in the middle of an event",
        "ends_early": "ends a stream in the middle, cleanly, without a finish reason",
        "stall": "falls silent in the middle of a stream",
        "bad_event": "sends broken JSON in the middle of a stream",
        "not_utf8": "sends bytes that are no UTF-8 in the middle of a stream",
        "garbage": "sends bytes that are no HTTP in the middle of a stream",
        "error_event": "sends an error in the middle of a stream",
    }
    found: list[Case] = []
    for name, says in breaks.items():
        replayed = Case(
            name=f"replay_{name}",
            says=says,
            sees=REPLAYED,
            rules=(7, 8) if name in _UNREADABLE else (6, 7),
            faults=then_works(name),
            modes=STREAM,
            waits=("idle_s",) if name == "stall" else (),
            least_visits=2,
            most_visits=3,
        )
        others = f"{says}; other endpoints say something else"
        found += [
            replayed,
            msgspec.structs.replace(
                replayed,
                name=f"broken_{name}",
                says=others,
                sees=IN_BAND,
                faults=varying(name),
                want="in_band",
                least_visits=1,
                most_visits=6,
            ),
        ]
    return [
        *found,
        Case(
            name="all_break",
            says="every endpoint resets the connection in the middle of a stream",
            sees=IN_BAND,
            rules=(3, 7),
            faults=(FAULTS["reset"],),
            modes=STREAM,
            want="in_band",
            recovers_s=20,
        ),
        Case(
            name="replay_completions",
            says="closes the connection in the middle of a stream of `/v1/completions`",
            sees=REPLAYED,
            rules=(7,),
            faults=then_works("cut"),
            modes=STREAM,
            route="completions",
            least_visits=2,
            most_visits=3,
        ),
        Case(
            name="replay_tools",
            says="closes the connection in the middle of a tool's arguments",
            sees=REPLAYED,
            rules=(7, 12),
            faults=then_works("cut"),
            modes=STREAM,
            body=TOOLS,
            least_visits=2,
            most_visits=3,
        ),
        Case(
            name="replay_no_finish",
            says="sends all text and `[DONE]`, but no finish reason",
            sees=REPLAYED,
            rules=(6, 7),
            faults=then_works("no_finish"),
            modes=STREAM,
            least_visits=2,
            most_visits=3,
        ),
        Case(
            name="replay_choice",
            says="finishes one of two choices",
            sees=REPLAYED,
            rules=(6, 7),
            faults=then_works("choice_unfinished"),
            modes=STREAM,
            body={"n": 2},
            least_visits=2,
            most_visits=3,
        ),
        Case(
            name="cut_when_large",
            says="closes the connection in a plain answer of 2 MB, after 1.5 MB",
            sees="an answer that breaks off: HTTP's end is missing",
            rules=(1, 6),
            faults=then_works("cut_when_large"),
            modes=("plain",),
            want="cut",
        ),
        Case(
            name="only_breaks",
            says="the only endpoint closes the connection in the middle of a stream once",
            sees="a whole answer, or what came and one error event",
            rules=(7,),
            faults=then_works("cut"),
            modes=STREAM,
            endpoints=1,
            want="truthful",
        ),
    ]


def odd_but_whole() -> Sequence[Case]:
    """Return what is odd and still a whole answer (rules 4, 6 and 12)."""
    rows: dict[str, tuple[str, tuple[int, ...], tuple[Mode, ...]]] = {
        "works": ("works", (11,), MODES),
        "no_sentinel": ("ends a finished stream without `[DONE]`", (6,), STREAM),
        "no_sentinel_open": ("finishes, sends no `[DONE]` and keeps the connection open", (6,), STREAM),
        "open_after_sentinel": ("keeps the connection open after `[DONE]`", (6,), STREAM),
        "no_usage": ("leaves out the usage", (6, 10), MODES),
        "no_role": ("leaves out the role", (12,), STREAM),
        "huge_event": ("sends events of 100 kB", (12,), MODES),
        "slow": ("sends one byte at a time", (4,), MODES),
        "filtered_text": ("ends with the finish reason `content_filter`", (2, 12), MODES),
    }
    tools = Case(
        name="whole_tools",
        says="calls a tool",
        sees="the whole call",
        rules=(12,),
        faults=(FAULTS["works"],),
        body=TOOLS,
        most_visits=1,
    )
    return [
        tools,
        *(
            Case(
                name=f"whole_{name}",
                says=says,
                sees="the whole answer",
                rules=rules,
                faults=(FAULTS[name],),
                modes=modes,
                body=USAGE if name == "works" else {},
                most_visits=1,
                extra_s=2,
            )
            for name, (says, rules, modes) in rows.items()
        ),
    ]


def leaving() -> Sequence[Case]:
    """Return what happens behind a client that leaves (rule 9)."""
    return [
        Case(
            name="leaves_before_head",
            says="is still thinking when the client leaves",
            sees="its call is closed within 1 s",
            rules=(9,),
            faults=(FAULTS["silent_before_head"],),
            want="left",
            leaves="before_head",
            most_visits=1,
        ),
        Case(
            name="leaves_in_the_middle",
            says="is in the middle of a stream when the client leaves",
            sees="its call is closed within 1 s",
            rules=(9,),
            faults=(FAULTS["stall"],),
            modes=STREAM,
            want="left",
            leaves="middle",
            most_visits=1,
        ),
    ]
