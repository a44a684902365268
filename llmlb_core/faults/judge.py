"""Whether what was seen is what must be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from llmlb_core.faults.answers import finish_of, words_of
from llmlb_core.faults.caller import Seen
from llmlb_core.faults.case import MOST_PER_ENDPOINT, Case, Mode
from llmlb_core.faults.told import Told, read_told
from llmlb_core.faults.visit import Visit

LEFT_S = 1.0
"""An answer that nobody reads any more is closed within this (rule 9)."""
SLACK_S = 0.5


def judge(case: Case, mode: Mode, seen: Seen, visits: Sequence[Visit]) -> list[str]:
    """Return what is not as *case* wants it, in sentences; nothing where all is well."""
    return [*_always(case, mode, seen, visits), *_wanted(case, mode, seen, visits)]


def broken_invariants(seen: Seen, visits: Sequence[Visit], choices: int = 1) -> Iterator[str]:
    """Yield what is wrong whatever was wanted: no end in time, a cut answer as a finished one, too many attempts."""
    if seen.is_late:
        yield seen.problem
    told = read_told(seen)
    if seen.status == 200 and told.is_finished(choices) and not told.is_embedding and not _is_said(told, visits):
        yield f"an answer that no server gave is presented as finished: {_shown(told)}"
    for endpoint, count in Counter(visit.endpoint for visit in visits if not visit.is_free).items():
        if count > MOST_PER_ENDPOINT:
            yield f"{count} attempts at endpoint '{endpoint}', expected at most {MOST_PER_ENDPOINT}"
    if told.errors and told.sentinels:
        yield "an error and [DONE] in one stream"
    if seen.status == 200 and told.is_stream and seen.is_whole and not told.errors and not told.sentinels:
        yield f"a stream ends without an error and without [DONE]: {_shown(told)}"
    if told.malformed and (told.is_stream or seen.is_whole):
        yield f"{told.malformed} malformed events were passed on"


def _always(case: Case, mode: Mode, seen: Seen, visits: Sequence[Visit]) -> Iterator[str]:
    del mode
    if case.want != "left":
        yield from broken_invariants(seen, visits, case.choices)
    counted = sum(not visit.is_free for visit in visits)
    if counted > case.most_visits:
        yield f"{counted} attempts, expected at most {case.most_visits}"
    if len(visits) < case.least_visits:
        yield f"{len(visits)} attempts, expected at least {case.least_visits}"
    if seen.seconds < case.least_s and case.want != "left":
        yield f"ended after {seen.seconds:.2f} s, expected at least {case.least_s:g} s"


def _wanted(case: Case, mode: Mode, seen: Seen, visits: Sequence[Visit]) -> Iterator[str]:
    if case.want == "left":
        yield from _left(visits)
        return
    if seen.is_late:
        return
    told = read_told(seen)
    if case.want == "cut":
        if seen.is_whole:
            yield f"an answer that broke off was ended as if it were whole: status {seen.status}, {len(seen.body):,} bytes"
    elif case.want == "error":
        yield from _error(case, seen, told)
    elif case.want == "whole" or (case.want == "truthful" and told.is_finished(case.choices)):
        yield from _whole(case, mode, seen, told, visits)
    elif case.want == "in_band" or seen.status == 200:
        yield from _in_band(seen, told, visits)


def _whole(case: Case, mode: Mode, seen: Seen, told: Told, visits: Sequence[Visit]) -> Iterator[str]:
    if seen.status != 200:
        yield f"status {seen.status}, expected 200: {_raw(seen)}"
        return
    if not seen.is_whole:
        yield f"the answer is cut: {seen.problem or 'no end'}"
    if told.errors:
        yield f"an error in the answer: {told.errors[0]}"
        return
    if told.is_embedding:
        return
    if not told.is_finished(case.choices):
        yield f"the answer is not finished: {_shown(told)}"
    elif not _is_said(told, visits):
        yield f"the text is not what a server said: {_shown(told)}"
    expected = {finish_of(visit.asked, visit.fault) for visit in visits}
    if not set(told.finishes.values()) <= expected or len(told.finishes) != case.choices:
        yield f"finish reasons {told.finishes}, expected {case.choices} of {sorted(expected)}"
    if mode == "stream":
        yield from _stream_end(case, told)


def _stream_end(case: Case, told: Told) -> Iterator[str]:
    if told.sentinels != 1 or told.after_end:
        yield f"{told.sentinels} times [DONE] and {told.after_end} events after it, expected one and none"
    if len(told.ids) != 1:
        yield f"ids {sorted(told.ids)}, expected one for the whole stream"
    if "stream_options" in case.body and told.usage is None:
        yield "no usage, which was asked for"


def _error(case: Case, seen: Seen, told: Told) -> Iterator[str]:
    is_opened = seen.status == 200 and told.is_stream and seen.body.startswith(b":") and not told.texts and not told.sentinels
    if seen.status not in case.statuses and not is_opened:  # a stream that waited was opened by a comment: its error is in it
        yield f"status {seen.status}, expected {' or '.join(map(str, case.statuses))}: {_raw(seen)}"
    if len(told.errors) != 1:
        yield f"{len(told.errors)} error objects, expected one: {bytes(seen.body[:300])!r}"
    elif case.codes and told.errors[0].get("code") not in case.codes:
        yield f"code {told.errors[0].get('code')!r}, expected {' or '.join(case.codes)}"


def _in_band(seen: Seen, told: Told, visits: Sequence[Visit]) -> Iterator[str]:
    if seen.status != 200:
        yield f"status {seen.status}, expected a stream that has begun: {_raw(seen)}"
        return
    if not seen.is_whole:
        yield f"the stream is cut instead of ended: {seen.problem or 'no end'}"
    if len(told.errors) != 1 or told.sentinels or told.after_end:
        yield f"{len(told.errors)} errors, {told.sentinels} [DONE], {told.after_end} events after; expected one error at the end"
    if not told.texts.get(0):
        yield "no text before the error, though some had come"
    for choice, text in told.texts.items():
        if not any(_text(visit, choice).startswith(text) for visit in visits):
            yield f"the text before the error is of no server: {text!r}"


def _left(visits: Sequence[Visit]) -> Iterator[str]:
    for visit in visits:
        if visit.over_at is None:
            yield f"the call at '{visit.endpoint}' goes on"
        elif not visit.is_left:
            yield f"the call at '{visit.endpoint}' was not closed"


def _is_said(told: Told, visits: Sequence[Visit]) -> bool:
    """Whether the texts are those of one server, whole."""
    return any(
        all(told.texts.get(choice, "") == _text(visit, choice) for choice in range(visit.asked.choices))
        for visit in visits
    )  # fmt: skip


def _text(visit: Visit, choice: int) -> str:
    return "".join(words_of(visit.asked.prompt, choice, visit.asked.salt, visit.fault.word_bytes))


def _raw(seen: Seen) -> str:
    return f"{bytes(seen.body[:300])!r} {seen.problem}".rstrip()


def _shown(told: Told) -> str:
    text = told.texts.get(0, "")
    return f"{text[:40]!r}… ({len(text)} characters), finish {told.finishes}, [DONE] {told.sentinels}"
