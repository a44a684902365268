"""Reads llama.cpp's events and makes deltas of them."""

from __future__ import annotations

import math
from typing import Literal, NoReturn, Self

import msgspec
from attrs import define

from llmlb_core import TextDelta, TokenLogprob, TopLogprob
from llmlb_core.errors import ContextLengthExceeded, EngineFailed, InvalidRequest

_LEAST_LOGPROB = -9999.0
"""What OpenAI answers for a token that is next to impossible; JSON has no infinity."""


class _Alternative(msgspec.Struct):
    id: int
    token: str = ""
    bytes: list[int] = msgspec.field(default_factory=list)
    logprob: float | None = None


class _Token(_Alternative):
    top_logprobs: list[_Alternative] = msgspec.field(default_factory=list)


class _Logprobs(msgspec.Struct):
    content: list[_Token] = msgspec.field(default_factory=list)


class _Choice(msgspec.Struct):
    text: str = ""
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Details(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    completion_tokens: int
    prompt_tokens: int
    prompt_tokens_details: _Details | None = None


class _Timings(msgspec.Struct):
    predicted_n: int = 0


class _Progress(msgspec.Struct):
    total: int
    cache: int = 0
    processed: int = 0


class Failure(msgspec.Struct):
    """An error of llama.cpp; the numbers are there when a prompt is too long."""

    message: str = ""
    type: str = ""
    code: int = 500
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None


class Event(msgspec.Struct):
    """One event of the completion endpoint, as much of it as is needed here."""

    choices: list[_Choice] = msgspec.field(default_factory=list)
    usage: _Usage | None = None
    timings: _Timings | None = None
    prompt_progress: _Progress | None = None
    error: Failure | None = None

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """Decode *data*; None for the marker that ends a stream.

        Raises:
            EngineFailed: It is nothing that llama.cpp is known to send.
        """
        if data == b"[DONE]":
            return None
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise EngineFailed(f"llama.cpp sent something that is not known here ({error}): {data[:200]!r}") from error


def raise_for(event: Event) -> None:
    """Raise what *event* reports, if it reports an error."""
    if event.error is not None:
        raise_failure(event.error)


def raise_failure(failure: Failure) -> NoReturn:
    """Raise *failure* as an error of ours."""
    if failure.n_prompt_tokens is not None and failure.n_ctx is not None:
        raise ContextLengthExceeded(prompt_tokens=failure.n_prompt_tokens, context_tokens=failure.n_ctx)
    if failure.type == "invalid_request_error":
        raise InvalidRequest(f"The model's engine refused the request: {failure.message}")
    raise EngineFailed(f"llama.cpp failed ({failure.type} {failure.code}): {failure.message}")


@define
class EventReader:
    """Turns the events of one generation into deltas.

    llama.cpp holds back the tokens of an unfinished character and sends it whole with its last token. Such an event counts all of
    them; log probabilities it has only for the last.

    Attributes:
        top_logprobs: How many alternatives are wanted, None for no log probabilities.
        end_token: Text of the token that ends an answer, which llama.cpp writes as nothing.
        is_done: Whether the last delta was returned.
    """

    top_logprobs: int | None
    end_token: tuple[int | None, str] = (None, "")
    is_done: bool = False
    _counted: int = 0
    _has_prompt: bool = False

    def read(self, data: bytes) -> TextDelta | None:
        """Return the delta that *data* is, None for one that says nothing.

        Raises:
            ContextLengthExceeded: The prompt does not fit.
            InvalidRequest: llama.cpp refused the request.
            EngineFailed: It failed.
        """
        event = Event.read(data)
        if event is None:
            return None
        raise_for(event)
        if event.prompt_progress is not None:
            return self._prompt(event.prompt_progress)
        if not event.choices:
            return None
        choice = event.choices[0]
        if choice.finish_reason is not None:
            return self._finish(choice.finish_reason, event)
        if not choice.text:
            return None
        logprobs = self._logprobs(choice.logprobs) if self.top_logprobs is not None and choice.logprobs is not None else ()
        return TextDelta(choice.text, self._count(event.timings.predicted_n if event.timings else self._counted + 1), logprobs)

    def _prompt(self, progress: _Progress) -> TextDelta | None:
        if self._has_prompt:
            return None
        self._has_prompt = True
        return TextDelta(token_count=0, prompt_tokens=progress.total, cached_tokens=progress.cache)

    def _finish(self, reason: str, event: Event) -> TextDelta:
        self.is_done = True
        finish: Literal["stop", "length"] = "length" if reason == "length" else "stop"
        usage = event.usage
        if usage is None:
            return TextDelta(token_count=0, finish=finish)
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
        count = self._count(usage.completion_tokens)
        return TextDelta(token_count=count, finish=finish, prompt_tokens=usage.prompt_tokens, cached_tokens=cached)

    def _count(self, generated: int) -> int:
        """Return how many tokens came since the last delta."""
        new, self._counted = max(0, generated - self._counted), max(generated, self._counted)
        return new

    def _logprobs(self, logprobs: _Logprobs) -> tuple[TokenLogprob, ...]:
        return tuple(
            TokenLogprob(
                token.token,
                _bounded(token.logprob),
                tuple(token.bytes),
                tuple(self._top(entry) for entry in token.top_logprobs[: self.top_logprobs]),
            )
            for token in logprobs.content
            if token.bytes
        )

    def _top(self, entry: _Alternative) -> TopLogprob:
        if not entry.bytes and entry.id == self.end_token[0]:
            return TopLogprob(self.end_token[1], _bounded(entry.logprob), tuple(self.end_token[1].encode()))
        return TopLogprob(entry.token, _bounded(entry.logprob), tuple(entry.bytes))


def _bounded(logprob: float | None) -> float:
    if logprob is None or math.isnan(logprob):
        return _LEAST_LOGPROB
    return min(0.0, max(_LEAST_LOGPROB, logprob))
