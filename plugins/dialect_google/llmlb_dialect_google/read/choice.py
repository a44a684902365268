"""One choice of an answer, step by step."""

from __future__ import annotations

from itertools import zip_longest
from typing import Literal

from llmlb_core import Delta, Result, Thinking, TokenLogprob, ToolCallDelta, TopLogprob, new_id
from llmlb_dialect_google.read.shapes import Candidate, FunctionCall, Logprobs, Part, Token

KIND = "google_thought"
Finish = Literal["stop", "length", "tool_calls", "content_filter"]
_FINISHES: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "ESCALATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
"""Others, which are not known here, are ends like any other."""
_BROKEN = frozenset({
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE",
    "PUP_LIMITED_DISABLED",
})  # fmt: skip
"""Not an answer that was cut short, but none: asked again, the model may do better."""


class Broken(Exception):
    """What came is of no use; says why, to follow "failed: "."""


class Choice:
    """What is to be known of a choice while it is told."""

    __slots__ = ("_call_count", "_index", "_thought", "is_finished")

    def __init__(self, index: int) -> None:
        """Begin with nothing."""
        self._index = index
        self._call_count = 0
        self._thought: list[str] = []
        self.is_finished = False

    def take(self, candidate: Candidate, results: list[Result]) -> bool:
        """Append what *candidate* brings to *results*; return whether that was the end of the choice.

        Raises:
            Broken: The model failed, or answered with what has no place in a text.
        """
        if self.is_finished:
            return False
        content, index = candidate.content, self._index
        if content is not None and content.parts:
            logprobs = () if candidate.logprobs_result is None else _logprobs(candidate.logprobs_result)
            for part in content.parts:
                if part.text and not part.thought and part.thought_signature is None:  # as nearly all are
                    results.append(Delta(index, part.text, "", (), logprobs) if logprobs else Delta(index, part.text))
                    logprobs = ()
                else:
                    self._take_other(part, results, logprobs)
                    logprobs = () if part.text and not part.thought else logprobs
        reason = candidate.finish_reason
        if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
            return False
        results.append(Delta(index, finish=self.finish(reason, candidate.finish_message or "")))
        return True

    def finish(self, reason: str, message: str) -> Finish:
        """Return what *reason* is called here.

        Raises:
            Broken: It says that the model failed.
        """
        if reason in _BROKEN:
            raise Broken(f"the model ended with {reason}{f': {message[:300]}' if message else ''}")
        self.is_finished = True
        finish = _FINISHES.get(reason, "stop")
        return "tool_calls" if finish == "stop" and self._call_count else finish

    def _take_other(self, part: Part, results: list[Result], logprobs: tuple[TokenLogprob, ...]) -> None:
        index, seal = self._index, part.thought_signature
        if part.function_call is not None:
            results.append(Delta(index, tool_calls=(self._call(part.function_call, seal),)))
            return
        if part.inline_data is not None:
            kind = part.inline_data.mime_type or "a file"
            raise Broken(f"it answered with {kind}; expected text or calls of functions")
        text = part.text or ""
        if part.thought:
            if text:
                self._thought.append(text)
                results.append(Delta(index, reasoning=text))
            if seal:
                results.append(Delta(index, thinking=(Thinking("google", KIND, "".join(self._thought), seal),)))
                self._thought.clear()
            return
        if text:
            results.append(Delta(index, text, logprobs=logprobs))
        if seal:
            results.append(Delta(index, thinking=(Thinking("google", KIND, "", seal),)))

    def _call(self, call: FunctionCall, seal: str | None) -> ToolCallDelta:
        arguments = bytes(call.args).decode()
        number = self._call_count
        self._call_count += 1
        return ToolCallDelta(
            number,
            call.id or new_id("call"),
            call.name,
            "{}" if arguments == "null" else arguments,
            Thinking("google", KIND, "", seal) if seal else None,
        )


def _logprobs(told: Logprobs) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            chosen.token,
            min(0.0, chosen.log_probability),
            tuple(chosen.token.encode()),
            () if top is None else tuple(map(_alternative, top.candidates)),
        )
        for chosen, top in zip_longest(told.chosen_candidates, told.top_candidates[: len(told.chosen_candidates)])
    )


def _alternative(token: Token) -> TopLogprob:
    return TopLogprob(token.token, min(0.0, token.log_probability), tuple(token.token.encode()))
