"""Chats and completions as results. Source: the reference's pages "Chat completions" and its streaming object."""

from __future__ import annotations

from typing import Any

import msgspec

from llmlb_core import (
    AnswerReader,
    ChatRequest,
    CompletionRequest,
    Delta,
    Fault,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
    split_events,
    told_usage,
)
from llmlb_dialect_openai.text import loads

FINISHES: dict[str, Any] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_UNFINISHED = Fault("its stream ended without a finish reason", "bad_gateway")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Top(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


class _Token(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None
    top_logprobs: list[_Top] | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    text: str | None = None
    logprobs: Any = None
    finish_reason: str | None = None


class _Document(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_decode_strict = msgspec.json.Decoder(_Document).decode


def _decode(data: bytes) -> _Document:
    """Decode a document; also one with half a surrogate pair or ``NaN``, as JavaScript and Python write them.

    Raises:
        ValueError: It is none; or ``RecursionError``.
    """
    try:
        return _decode_strict(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.convert(loads(data), _Document)


class ChatReader(AnswerReader):
    """Reads a chat or a completion, whole or chunk by chunk.

    A stream is finished when all its choices are; its usage and its end mark may follow.
    """

    def __init__(self, request: ChatRequest | CompletionRequest) -> None:
        """Expect the choices that *request* asks for."""
        super().__init__()
        self._count = request.n * (len(request.prompts) if isinstance(request, CompletionRequest) else 1)
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._calling: set[int] = set()
        self._has_told = False  # whether usage is among the results: some servers say it in every chunk

    def read(self, events: bytes) -> bytes:
        """Take whole events."""
        for _, data in split_events(events):
            if not data or self.fault is not None or (self.is_finished and data == b"[DONE]"):
                continue
            if data == b"[DONE]":
                self._end()
                continue
            try:
                chunk = _decode(data)
            except (ValueError, RecursionError):
                self._fail(Fault("an event of its stream is not what the dialect has"))
                break
            if chunk.error:
                self._fail(Fault("it reported an error within its stream", "upstream_error", data))
                break
            self._take(chunk)
        return events

    def ends(self, *, is_certain: bool) -> bool:
        """Say whether everything that has begun is finished; the end mark is left out by many."""
        del is_certain
        return bool(self._finished) and self._begun <= self._finished

    def read_plain(self, body: bytes) -> None:
        """Take a whole answer."""
        try:
            document = _decode(body)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its answer is no chat ({error})") from None
        if not document.choices:
            raise ValueError("its answer has no choices")
        self._take(document)
        if self._begun > self._finished:
            raise ValueError("its answer has no finish reason")
        self._tell()

    def _take(self, chunk: _Document) -> None:
        for choice in chunk.choices or ():
            self._choose(choice)
        if chunk.usage is not None:
            self.usage = told_usage(chunk.usage) or self.usage
        if len(self._finished) >= self._count:
            self._finish()
        if self.is_finished or not chunk.choices:
            self._tell()

    def _tell(self) -> None:
        """Put usage among the results, once, when nothing but an end mark follows."""
        if self.usage is not None and self._finished and not self._has_told:
            self._has_told = True
            self.results.append(Delta(usage=self.usage))

    def _choose(self, choice: _Choice) -> None:
        said, index = choice.delta or choice.message, choice.index
        self._begun.add(index)
        if said is not None:
            thought = said.reasoning_content or said.reasoning
            if thought:
                self._put(Delta(index, reasoning=thought))
            text = said.content or said.refusal
            if text:
                self._put(Delta(index, text, logprobs=_logprobs(choice.logprobs) if choice.logprobs else ()))
            if said.tool_calls or said.function_call:
                self._call(index, said)
        elif choice.text:
            self._put(Delta(index, choice.text, logprobs=_older_logprobs(choice.logprobs) if choice.logprobs else ()))
        if choice.finish_reason:
            finish = FINISHES.get(choice.finish_reason, "stop")
            if finish == "stop" and index in self._calling:
                finish = "tool_calls"  # many servers say so
            self._finished.add(index)
            self._put(Delta(index, finish=finish))
            self.is_open = False

    def _call(self, index: int, said: _Said) -> None:
        self._calling.add(index)
        pieces = [
            ToolCallDelta(
                place if call.index is None else call.index,
                call.id,
                call.function.name if call.function is not None else None,
                (call.function.arguments or "") if call.function is not None else "",
            )
            for place, call in enumerate(said.tool_calls or ())
        ]
        if said.function_call is not None:
            pieces.append(ToolCallDelta(0, None, said.function_call.name, said.function_call.arguments or ""))
        self._put(Delta(index, tool_calls=tuple(pieces)))

    def _end(self) -> None:
        if self.ends(is_certain=True):
            self._finish()
            self._tell()
        else:
            self._fail(_UNFINISHED)

    def _put(self, delta: Delta) -> None:
        self.results.append(delta)
        self.has_content = True

    def _finish(self) -> None:
        self.is_finished, self.is_flowing = True, False

    def _fail(self, fault: Fault) -> None:
        self.fault, self.is_flowing = fault, False


def _logprobs(told: object) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of a text; what is not understood is none."""
    try:
        tokens = msgspec.convert((told or {}).get("content") or [], list[_Token]) if isinstance(told, dict) else []
    except msgspec.ValidationError:
        return ()
    return tuple(
        TokenLogprob(
            each.token,
            each.logprob,
            tuple(each.bytes or ()),
            tuple(TopLogprob(top.token, top.logprob, tuple(top.bytes or ())) for top in each.top_logprobs or ()),
        )
        for each in tokens
    )


class _Older(msgspec.Struct):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None = None


def _older_logprobs(told: object) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of a completion: lists beside one another, None for a prompt's first token."""
    try:
        older = msgspec.convert(told, _Older)
    except msgspec.ValidationError:
        return ()
    tops = older.top_logprobs or [None] * len(older.tokens)
    return tuple(
        TokenLogprob(
            token,
            logprob or 0.0,
            tuple(token.encode("utf-8", "replace")),
            tuple(TopLogprob(each, chance, tuple(each.encode("utf-8", "replace"))) for each, chance in (top or {}).items()),
        )
        for token, logprob, top in zip(older.tokens, older.token_logprobs, tops, strict=False)
    )
