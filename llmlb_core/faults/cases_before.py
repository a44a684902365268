"""Rows of what happens before any content is out (rules 1 to 4): made good by another endpoint, by the same, or told."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core.faults.case import MODES, Case, Mode
from llmlb_core.faults.fault import WORKS
from llmlb_core.faults.named import FAULTS
from llmlb_core.faults.rows import OTHER, PLAIN, SAME, STREAM, then_works


def before_content() -> Sequence[Case]:
    """Return these rows."""
    return [*_failover(), *_same_endpoint(), *_errors()]


def _failover() -> Sequence[Case]:
    """Return what another endpoint makes good before any content is out (rules 1 to 4)."""
    both: dict[str, str] = {
        "reset_before_head": "resets the connection before it answers",
        "closed_before_head": "closes the connection before it answers",
        "no_http": "sends garbage instead of HTTP",
        "500": "answers 500",
        "502": "answers 502 with a page of its proxy",
        "503": "answers 503",
        "504": "answers 504 without a body",
        "408": "answers 408",
        "429": "answers 429",
        "429_retry_after_60": "answers 429 with `Retry-After: 60`",
        "503_retry_after_1": "answers 503 with `Retry-After: 1`",
        "401": "refuses the credential that llmlb has for it",
        "empty_200": "answers 200 with nothing",
        "html_200": "answers 200 with a web page",
    }
    stream = {
        "bad_first_event": "sends a first event that is no JSON",
        "prefill_rejected": "answers 200, then an error as first event",
        "role_then_reset": "resets the connection after the role, before any text",
        "role_then_end": "ends the stream after the role, before any text",
        "sentinel_only": "sends `[DONE]` and nothing else",
    }
    plain = {
        "length_too_long": "promises more bytes than it sends",
        "length_too_short": "promises fewer bytes than its answer has",
        "reset": "resets the connection in the middle of its answer",
        "cut": "closes the connection in the middle of its answer",
        "bad_event": "answers with JSON that is broken",
        "garbage": "answers with JSON in which bytes are no UTF-8",
    }
    rows: list[tuple[str, str, tuple[Mode, ...]]] = [(name, says, MODES) for name, says in both.items()]
    rows += [(name, says, STREAM) for name, says in stream.items()]
    rows += [(name, says, PLAIN) for name, says in plain.items()]
    found = [
        Case(
            name=f"failover_{name}",
            says=says,
            sees=OTHER,
            rules=(1, 2, 3),
            faults=then_works(name),
            modes=modes,
            least_visits=2,
            most_visits=2,
        )
        for name, says, modes in rows
    ]
    silent = {"silent_before_head": "does not begin its answer", "silent_after_head": "sends a head and then nothing"}
    found += [
        Case(
            name=f"failover_{name}",
            says=says,
            sees=OTHER,
            rules=(1, 3, 4),
            faults=then_works(name),
            waits=("switch_s", "plain_s"),
            least_visits=2,
            most_visits=2,
        )
        for name, says in silent.items()
    ]
    return [
        *found,
        Case(
            name="failover_stall_in_plain",
            says="stops in the middle of its answer",
            sees=OTHER,
            rules=(1, 4),
            faults=then_works("stall"),
            modes=PLAIN,
            waits=("plain_s",),
            least_visits=2,
            most_visits=2,
        ),
        Case(
            name="failover_refused_connection",
            says="refuses connections",
            sees=OTHER,
            rules=(2, 3),
            faults=(WORKS,),
            unreachable=1,
            most_visits=1,
        ),
        Case(
            name="failover_embeddings",
            says="answers 500 to `/v1/embeddings`",
            sees=OTHER,
            rules=(2,),
            faults=then_works("500"),
            route="embeddings",
            modes=PLAIN,
            least_visits=2,
            most_visits=2,
        ),
    ]


def _same_endpoint() -> Sequence[Case]:
    """Return what the only endpoint makes good itself (rule 3)."""
    rows = {
        "500": (2, "fails once"),
        "reset_before_head": (2, "resets one connection"),
        "503": (2, "is overloaded once"),
    }
    found = [
        Case(
            name=f"again_{name}",
            says=f"is the only one, and {says}",
            sees=SAME,
            rules=(3,),
            faults=then_works(name),
            endpoints=1,
            least_visits=visits,
            most_visits=visits,
        )
        for name, (visits, says) in rows.items()
    ]
    return [
        *found,
        Case(
            name="again_flapping",
            says="is the only one, and fails twice",
            sees=SAME,
            rules=(3,),
            faults=then_works("500", "503"),
            endpoints=1,
            least_visits=3,
            most_visits=3,
        ),
        Case(
            name="again_retry_after",
            says="is the only one, and answers 429 with `Retry-After: 1`",
            sees=f"{SAME} as long as it asked for",
            rules=(3,),
            faults=then_works("429_retry_after_1"),
            endpoints=1,
            least_visits=2,
            most_visits=2,
            least_s=0.9,
            extra_s=3,
        ),
    ]


def _errors() -> Sequence[Case]:
    """Return what ends in an error, at once or after a bounded number of attempts (rules 2 to 4)."""
    passed_on = {
        "400": (400, "invalid_value", "refuses a parameter: 400"),
        "404": (404, "not_found", "answers 404"),
        "413": (413, "body_too_large", "finds the request too large: 413"),
        "422": (422, "unprocessable", "answers 422"),
        "context_length": (400, "context_length_exceeded", "finds the prompt too long"),
        "content_filter": (400, "content_filter", "filters the prompt"),
    }
    found = [
        Case(
            name=f"refused_{name}",
            says=says,
            sees=f"{status} `{code}` in the server's words, nobody else is asked",
            rules=(2,),
            faults=(FAULTS[name],),
            want="error",
            statuses=(status,),
            codes=(code,),
            most_visits=1,
        )
        for name, (status, code, says) in passed_on.items()
    ]
    all_fail: dict[str, tuple[tuple[int, ...], str]] = {
        "500": ((502,), "answers 500"),
        "reset_before_head": ((502,), "resets every connection"),
        "429_retry_after_6": ((429,), "answers 429 with `Retry-After: 6`, longer than anybody waits"),
        "html_200": ((502,), "answers with a web page"),
    }
    found += [
        Case(
            name=f"all_{name}",
            says=f"every endpoint {says}",
            sees=f"{statuses[0]}, after at most 3 attempts at each",
            rules=(2, 3),
            faults=(FAULTS[name],),
            want="error",
            statuses=statuses,
            extra_s=6,
            recovers_s=20,
        )
        for name, (statuses, says) in all_fail.items()
    ]
    return [
        *found,
        Case(
            name="model_gone",
            says="no longer has the model: 404 `model_not_found`",
            sees="a whole answer, of another endpoint, or 404 in the server's words",
            rules=(2,),
            faults=then_works("404_model"),
            want="truthful",
            most_visits=2,
        ),
        Case(
            name="only_silent",
            says="the only endpoint does not begin its answer",
            sees="504, after one attempt",
            rules=(3, 4, 11),
            faults=(FAULTS["silent_before_head"],),
            endpoints=1,
            want="error",
            statuses=(504,),
            most_visits=1,
            recovers_s=20,
            waits=("first_token_s", "head_s", "plain_s"),
        ),
        Case(
            name="all_silent",
            says="no endpoint begins its answer",
            sees="504, after one attempt at each",
            rules=(3, 4, 11),
            faults=(FAULTS["silent_before_head"],),
            want="error",
            statuses=(504,),
            most_visits=2,
            recovers_s=20,
            waits=("switch_s", "first_token_s", "head_s", "plain_s", "plain_s"),
        ),
    ]
