"""``text_completion``: the older completions, plain and streamed, with their own form of log probabilities."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import define, field

from llmlb_core import Call, Identity, Renderer, Result, TokenLogprob, Usage
from llmlb_core.errors import CallError
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.parts import (
    DONE,
    JSON,
    SSE,
    Json,
    as_delta,
    check_whole,
    choice_count,
    chunk_head,
    error_frame,
    usage_chunk,
    usage_object,
)
from llmlb_dialect_openai.render.views import ChatView
from llmlb_dialect_openai.text import dumps, finite, unique_id


def _logprobs(entries: Sequence[TokenLogprob], offset: int) -> Json:
    """Return the four lists of ``logprobs``, offsets counted from *offset* characters into the choice's text."""
    offsets = []
    for entry in entries:
        offsets.append(offset)
        offset += len(entry.token)
    tops: list[dict[str, float] | None] = [
        {top.token: finite(top.logprob) for top in entry.top} | {entry.token: finite(entry.logprob)} for entry in entries
    ]
    return {
        "tokens": [entry.token for entry in entries],
        "token_logprobs": [finite(entry.logprob) for entry in entries],
        "top_logprobs": tops if any(entry.top for entry in entries) else None,
        "text_offset": offsets,
    }


def _finish(reason: str) -> str:
    """Return a finish reason that completions know."""
    return reason if reason in ("stop", "length", "content_filter") else "stop"


@define
class _Choice:
    """One answer, put together from its deltas."""

    text: list[str] = field(factory=list)
    logprobs: list[TokenLogprob] = field(factory=list)
    finish: str | None = None


class CompletionAnswer(Renderer):
    """Collects every choice and writes one object."""

    content_type = JSON

    def __init__(self, call: Call, model: str) -> None:
        """Remember who answers."""
        self._model = model
        self._created = int(time.time())
        self._choices: dict[int, _Choice] = {index: _Choice() for index in range(choice_count(call))}
        self._usage: Usage | None = None

    def feed(self, result: Result) -> bytes:
        """Collect."""
        delta = as_delta(result)
        choice = self._choices.setdefault(delta.choice, _Choice())
        choice.text.append(delta.text)
        choice.logprobs.extend(delta.logprobs)
        choice.finish = delta.finish or choice.finish
        self._usage = delta.usage or self._usage
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: A choice did not finish.
        """
        check_whole([index for index, choice in self._choices.items() if choice.finish], len(self._choices))
        return dumps(
            {
                "id": unique_id("cmpl-"),
                "object": "text_completion",
                "created": self._created,
                "model": self._model,
                "choices": [
                    {
                        "text": "".join(choice.text),
                        "index": index,
                        "logprobs": _logprobs(choice.logprobs, 0) if choice.logprobs else None,
                        "finish_reason": _finish(choice.finish or ""),
                    }
                    for index, choice in sorted(self._choices.items())
                ],
                "usage": usage_object(self._usage) if self._usage is not None else None,
                "system_fingerprint": None,
            }
        )

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)


class CompletionStream(Renderer):
    """Writes a chunk a delta, usage if asked for, and ``[DONE]``."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Build what every chunk begins and ends with."""
        self._model = model
        self._wants_usage = ChatView.of(call.body).wants_usage
        self._identity = Identity(unique_id("cmpl-"), int(time.time()))
        self._head = chunk_head("text_completion", self._identity, self._model)
        self._tail = b"]" + (b',"usage":null' if self._wants_usage else b"") + b"}\n\n"
        self._count = choice_count(call)
        self._offsets: dict[int, int] = {}
        self._finished: set[int] = set()
        self._usage: Usage | None = None

    @property
    def identity(self) -> Identity:
        """Id and time of all its chunks."""
        return self._identity

    def follow(self, identity: Identity) -> bool:
        """Go on with another answer's chunks; its role was sent."""
        self._identity = identity
        self._head = chunk_head("text_completion", identity, self._model)
        return True

    def feed(self, result: Result) -> bytes:
        """Return the chunk of one delta."""
        delta = as_delta(result)
        self._usage = delta.usage or self._usage
        if not (delta.text or delta.logprobs or delta.finish):
            return b""
        logprobs = b"null"
        if delta.logprobs:
            offset = self._offsets.get(delta.choice, 0)
            logprobs = dumps(_logprobs(delta.logprobs, offset))
            self._offsets[delta.choice] = offset + sum(len(entry.token) for entry in delta.logprobs)
        finish = b"null"
        if delta.finish is not None:
            self._finished.add(delta.choice)
            finish = b'"%b"' % _finish(delta.finish).encode()
        return b'%b{"index":%d,"text":%b,"logprobs":%b,"finish_reason":%b}%b' % (
            self._head,
            delta.choice,
            dumps(delta.text),
            logprobs,
            finish,
            self._tail,
        )

    def end(self) -> bytes:
        """Return usage, if asked for, and ``[DONE]``.

        Raises:
            EngineFailed: A choice did not finish, or usage did not come; no ``[DONE]`` then.
        """
        check_whole(self._finished, self._count)
        return usage_chunk(self._head, self._usage) + DONE if self._wants_usage else DONE

    def error(self, error: CallError) -> bytes:
        """Return an in-band error; no ``[DONE]`` follows."""
        return error_frame(error)
