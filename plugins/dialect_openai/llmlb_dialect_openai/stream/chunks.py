"""Streams of chat and completions: chunks with choices, a finish reason for each, usage where it was asked for, ``[DONE]``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from attrs import evolve

from llmlb_core import DIFFERS, MAX_PIECES, Differs, Echo, Fault, Identity, StreamReader, Transcript, split_events, told_usage
from llmlb_dialect_openai.render.parts import DONE
from llmlb_dialect_openai.stream.pieces import Pieces, pieces_of
from llmlb_dialect_openai.stream.rest import Rest, without_role
from llmlb_dialect_openai.text import dumps, loads

FIRST_TEXT = "0"
"""The channel of the first choice's text."""
_DONE_EVENT = DONE[:-2]
_DIFFERS = Fault("its answer differs from what was delivered", DIFFERS)


class _TextDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A delta that is nothing but text."""

    content: str
    role: str | None = None
    refusal: None = None
    reasoning_content: None = None
    reasoning: None = None
    tool_calls: None = None
    function_call: None = None


class _TextChoice(msgspec.Struct, gc=False):
    """The first choice, while it goes on."""

    delta: _TextDelta
    index: Literal[0] = 0
    finish_reason: None = None


class _TextChunk(msgspec.Struct, gc=False):
    """A chunk as nearly all are. Whatever is more than a step of the first choice's text does not decode to it."""

    choices: tuple[_TextChoice]
    usage: None = None
    error: None = None


class _StepDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A delta that is text, a role, or nothing."""

    content: str | None = None
    role: str | None = None
    refusal: None = None
    reasoning_content: None = None
    reasoning: None = None
    tool_calls: None = None
    function_call: None = None


class _StepChoice(msgspec.Struct, gc=False):
    """The first choice, at its beginning, on its way or at its end."""

    delta: _StepDelta
    index: Literal[0] = 0
    finish_reason: str | None = None
    text: None = None


class _StepChunk(msgspec.Struct, gc=False):
    """A chunk of an answer that is text and has one choice; the last may have none, but usage."""

    choices: Annotated[list[_StepChoice], msgspec.Meta(max_length=1)]
    id: str | None = None
    created: int | float | None = None
    usage: dict[str, Any] | None = None
    error: None = None


_decode_text = msgspec.json.Decoder(_TextChunk).decode
_decode_step = msgspec.json.Decoder(_StepChunk).decode


class ChunkReader(StreamReader):
    """Reads chunks; those that are a step of text in half a microsecond."""

    def __init__(self, choice_count: int, *, wants_usage: bool) -> None:
        """Expect *choice_count* finish reasons, and usage where that was asked for."""
        super().__init__()
        self._choice_count, self._wants_usage = choice_count, wants_usage
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._means_end = True  # whether finish reasons say that nothing follows; a server may give one in every chunk
        self._is_over = False
        self._is_text = False  # whether the last chunk was text of the first choice, so that the next one probably is
        self._is_rewritten = False  # whether it goes on with another answer: then it has one of these
        self._echo: Echo | None = None
        self._rest: Rest | None = None
        self._goes_on_as: Identity | None = None
        self._pieces = self.transcript.pieces

    def read(self, events: bytes) -> bytes:
        """Take whole *events*; return what of them may be passed on."""
        if self._is_text:
            try:
                chunk = _decode_text(events[6:-2])  # what is between "data: " and the blank line, where it is one event
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return self._read_several(events)
            pieces = self._pieces
            pieces.append(chunk.choices[0].delta.content)
            if len(pieces) >= MAX_PIECES:
                self.transcript.fold()
            return events
        return self._read_each(events) if self._is_rewritten else self._read_steps(events)

    def ends(self, *, is_certain: bool) -> bool:
        """Ask for a finish reason of every choice; usage that never came is no reason to call a clean end a cut."""
        return self.is_finished or (is_certain and len(self._finished) >= self._choice_count)

    def end(self) -> bytes:
        """Return ``[DONE]`` where the server left it out."""
        if self._is_over:
            return b""
        self._is_over = True
        return DONE

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """Hold back what was delivered."""
        self._is_rewritten, self._echo = True, Echo(delivered)
        self.transcript = self._echo.said
        self._goes_on_as = self.identity = identity
        return True

    def go_on(self, delivered: Transcript, identity: Identity | None, *, is_capped: bool) -> bool:
        """Take chunks for the rest of *delivered*, which is text of the first choice."""
        self._is_rewritten = True
        self._rest = Rest(FIRST_TEXT, delivered.count, identity, is_capped=is_capped)
        self.transcript, self.identity = delivered, identity
        return True

    # --- inside

    def _read_several(self, events: bytes) -> bytes:
        """Take text as long as there is nothing else; of a busy stream several chunks come at once."""
        read = 0
        for event in events.split(b"\n\n"):
            try:
                chunk = _decode_text(event[6:])
            except (msgspec.MsgspecError, UnicodeDecodeError):
                break
            self._pieces.append(chunk.choices[0].delta.content)
            read += len(event) + 2
        if len(self._pieces) >= MAX_PIECES:
            self.transcript.fold()
        return events if read >= len(events) else events[:read] + self._read_steps(events[read:])

    def _read_steps(self, events: bytes) -> bytes:
        """Take what answers of text begin and end with, which costs a tenth of looking at everything."""
        read = 0
        for event in events.split(b"\n\n"):
            if self.fault is not None or self._is_over or not event.startswith(b"data: "):
                break
            if event == _DONE_EVENT:
                if not self._last(event):
                    return events[:read]
            else:
                try:
                    step = _decode_step(event[6:])
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    break
                self._step(step)
            read += len(event) + 2
        return events if read == len(events) else events[:read] + self._read_each(events[read:])

    def _step(self, step: _StepChunk) -> None:
        """Take one chunk, as ``_chunk`` does."""
        if self.identity is None and step.id is not None and step.created is not None:
            self.identity = Identity(step.id, step.created)
        if step.usage is not None:
            self.usage = told_usage(step.usage) or self.usage
        text: str | None = None
        if step.choices:
            choice = step.choices[0]
            self._begun.add(0)
            text = choice.delta.content
            if text:
                self.transcript.add(FIRST_TEXT, text)
                self.has_content = self._is_text = True
            if choice.finish_reason:
                self._finished.add(0)
                self.has_content, self.is_open = True, False
        self._weigh(has_text=bool(text))

    def _read_each(self, events: bytes) -> bytes:
        passed: list[bytes] = []
        for event, data in split_events(events):
            if self.fault is not None or self._is_over:
                break
            if data is None:
                passed.append(event)
            elif data == b"[DONE]":
                passed.append(self._last(event))
            elif data:
                passed.append(self._chunk(event, data))
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def _last(self, event: bytes) -> bytes:
        """Take the end mark, which is passed on only behind a whole answer.

        That may have fewer choices than were asked for: many servers know no ``n``, and give one.
        """
        if not self._finished or self._begun > self._finished:
            return self._fail(Fault("its stream ended without a finish reason", "bad_gateway"))
        self._is_over = True
        self._finish()
        return event

    def _chunk(self, event: bytes, data: bytes) -> bytes:
        """Take one chunk; return what of it may be passed on."""
        try:
            chunk = loads(data)
        except (ValueError, RecursionError):
            return self._fail(Fault("an event of its stream is no JSON object"))
        if chunk.get("error"):
            return self._fail(Fault("it reported an error within its stream", "upstream_error", data))
        if self.identity is None:
            self.identity = _identity(chunk)
        if self._rest is not None:
            self._rest.amend(chunk)
        self.usage = told_usage(chunk.get("usage")) or self.usage
        pieces = pieces_of(chunk.get("choices"))
        if self._rest is not None:
            event = self._of_rest(self._rest, chunk, pieces)
            if self.fault is not None:
                return b""
        elif self._echo is None:
            self._keep(pieces)
        else:
            event = self._echoed(self._echo, chunk, pieces)
            if self.fault is not None:
                return b""
        self._begun.update(pieces.begun)
        if pieces.finished:
            self._finished.update(pieces.finished)
            self.has_content, self.is_open = True, False
        self._weigh(has_text=bool(pieces.texts))
        return event

    def _weigh(self, *, has_text: bool) -> None:
        """Say whether the answer is whole now."""
        if self.is_finished and has_text:
            self._means_end = self.is_finished = False
            self.is_flowing = True
        if self._means_end and len(self._finished) >= self._choice_count and (self.usage is not None or not self._wants_usage):
            self._finish()

    def _keep(self, pieces: Pieces) -> None:
        """Note what the client is about to get."""
        for piece in pieces.texts:
            self.transcript.add(piece.channel, piece.text)
        if pieces.is_odd:
            self.is_comparable = False
        self.has_content = self.has_content or bool(pieces.texts) or pieces.is_odd
        self._is_text = self.has_content and self.transcript.channel == FIRST_TEXT

    def _echoed(self, echo: Echo, chunk: dict[str, Any], pieces: Pieces) -> bytes:
        """Return what of *chunk* was not delivered before, as a chunk of the answer that it goes on with."""
        was_over, has_news = echo.is_over, False
        for piece in pieces.texts:
            text = piece.text
            try:
                new = echo.hear(piece.channel, text)
            except Differs:
                return self._fail(_DIFFERS)
            if new != text:
                if new and piece.choice.get("logprobs"):
                    return self._fail(_DIFFERS)  # which of them are new cannot be said
                piece.replace(new)
            has_news = has_news or bool(new)
        if not echo.is_over:
            # An answer that is shorter, or has more than text in it, is another one.
            return self._fail(_DIFFERS) if pieces.finished or pieces.is_odd else b""
        self.has_content = True
        self.is_comparable = self.is_comparable and not pieces.is_odd
        if not (was_over or has_news or pieces.finished):
            return b""
        if self._goes_on_as is not None:
            chunk["id"], chunk["created"] = self._goes_on_as.id, self._goes_on_as.created
        without_role(chunk)
        return b"data: " + dumps(chunk) + b"\n\n"

    def _of_rest(self, rest: Rest, chunk: dict[str, Any], pieces: Pieces) -> bytes:
        """Return *chunk* as one of the answer that it goes on with; nothing of it before it has text, or an end."""
        fault = rest.fault(pieces)
        if fault is not None:
            return self._fail(fault)
        for piece in pieces.texts:
            self.transcript.add(piece.channel, piece.text)
        self.has_content = self.has_content or bool(pieces.texts) or bool(pieces.finished)
        if not self.has_content:
            return b""
        if self.usage is not None:
            self.usage = evolve(self.usage, is_counted=True)
        without_role(chunk)
        return b"data: " + dumps(chunk) + b"\n\n"

    def _fail(self, fault: Fault) -> bytes:
        self.fault, self.is_flowing = fault, False
        self._is_text = False
        return b""

    def _finish(self) -> None:
        self.is_finished, self.is_flowing = True, False


def _identity(chunk: dict[str, Any]) -> Identity | None:
    told, created = chunk.get("id"), chunk.get("created")
    return Identity(told, created) if isinstance(told, str) and isinstance(created, int | float) else None
