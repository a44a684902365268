"""Answers of ``generateContent``, and of ``streamGenerateContent``: the same documents, one after another, without an end mark."""

from __future__ import annotations

import msgspec

from llmlb_core import AnswerReader, Delta, Fault, split_events
from llmlb_dialect_google.read.choice import Broken, Choice
from llmlb_dialect_google.read.shapes import Candidate, Response, usage_of

_decode = msgspec.json.Decoder(Response).decode
_NO_USAGE = msgspec.Raw(b"null")
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class ChatReader(AnswerReader):
    """Reads one answer. A stream is whole when every choice has a finish reason; usage stands in the same event at the latest."""

    is_comparable = False

    def __init__(self, choice_count: int) -> None:
        """Expect *choice_count* choices."""
        super().__init__()
        self._choice_count = choice_count
        self._choices: dict[int, Choice] = {}
        self._finished_count = 0
        self._usage = _NO_USAGE

    def read(self, events: bytes) -> bytes:
        """Take whole *events*."""
        before = len(self.results)
        if events.startswith(b"data: "):
            try:  # one event, as nearly always: the blank line after it is white space
                response = _decode(events[6:])
            except _ERRORS:
                self._read_each(events)
            else:
                self._take(response, events)
        else:
            self._read_each(events)
        return events if len(self.results) > before else b""

    def ends(self, *, is_certain: bool) -> bool:
        """Fewer choices than were asked for are no cut, where all that began are finished."""
        return self.is_finished or (is_certain and 0 < len(self._choices) == self._finished_count)

    def end(self) -> bytes:
        """Tell usage where that was not done yet."""
        if not self.is_finished and self._finished_count:
            self._finish()
        return b""

    def read_plain(self, body: bytes) -> None:
        """Take a whole answer.

        Raises:
            ValueError: It is no ``GenerateContentResponse``, or the model failed.
        """
        try:
            response = _decode(body)
        except _ERRORS as error:
            raise ValueError(f"its answer is no GenerateContentResponse: {error}") from None
        if response.error is not None:
            raise ValueError("it answered 200 with an error")
        if not response.candidates and not _block_reason(response):
            raise ValueError("its answer has neither 'candidates' nor a reason in 'promptFeedback'")
        self._take(response, body)
        if self.fault is not None:
            raise ValueError(self.fault.problem)
        for index, choice in self._choices.items():
            if not choice.is_finished:
                self.results.append(Delta(index, finish=choice.finish("STOP", "")))
                self._finished_count += 1
        if not self.is_finished:
            self._finish()

    def _read_each(self, events: bytes) -> None:
        for _, data in split_events(events):
            if data is None or not data.strip():
                continue
            try:
                response = _decode(data)
            except _ERRORS as error:
                self._fail(Fault(f"one of its events is no GenerateContentResponse: {error}", error=_listed_error(data)))
                return
            self._take(response, data)

    def _take(self, response: Response, data: bytes) -> None:
        if not self.is_flowing:
            return  # all was said; nothing that follows could be told
        if response.error is not None:
            error = data.removeprefix(b"data: ").strip()
            self._fail(Fault("it told of an error within its stream", error=error))
            return
        if len(response.usage_metadata) > 4:  # bytes() of it would copy
            self._usage = response.usage_metadata
        before = len(self.results)
        if response.candidates:
            try:
                self._take_candidates(response.candidates)
            except Broken as error:
                self._fail(Fault(str(error), "malformed_answer"))
        elif response.prompt_feedback is not None and not self._choices:
            self._block(response)
        if len(self.results) > before:
            self.has_content = True
        if self._finished_count >= self._choice_count and self.fault is None:
            self._finish()

    def _take_candidates(self, candidates: list[Candidate]) -> None:
        for candidate in candidates:
            choice = self._choices.get(candidate.index)
            if choice is None:
                choice = self._choices[candidate.index] = Choice(candidate.index)
            self._finished_count += choice.take(candidate, self.results)

    def _block(self, response: Response) -> None:
        """Tell that the prompt was refused, and why: there is no answer that could be in the way of it."""
        reason = _block_reason(response)
        if reason:
            for index in range(self._choice_count):
                choice = self._choices[index] = Choice(index)
                choice.is_finished = True
                self.results.append(Delta(index, text=f"The provider blocked the prompt: {reason}."))
                self.results.append(Delta(index, finish="content_filter"))
            self._finished_count = self._choice_count

    def _finish(self) -> None:
        usage = self.usage = usage_of(self._usage)
        if usage is not None:
            self.results.append(Delta(usage=usage))
        self.is_finished = True
        self.is_flowing = self.is_open = False

    def _fail(self, fault: Fault) -> None:
        self.fault = fault
        self.is_flowing = False


def _block_reason(response: Response) -> str:
    feedback = response.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return ""
    more = f" ({feedback.block_reason_message.rstrip('.')})" if feedback.block_reason_message else ""
    return f"{feedback.block_reason}{more}"


def _listed_error(data: bytes) -> bytes | None:
    """Return the error of a stream that is told as a list."""
    try:
        documents = msgspec.json.decode(data, type=list[dict[str, msgspec.Raw]])
    except _ERRORS:
        return None
    return msgspec.json.encode(documents[0]) if documents and "error" in documents[0] else None
