"""``response.*`` events: a streamed response, in the order that OpenAI documents, numbered from 0."""

from __future__ import annotations

from llmlb_core import Call, Delta, Renderer, Result, ToolCallDelta, Usage
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.render.parts import SSE, Json, as_delta, check_whole, logprob_objects
from llmlb_dialect_openai.render.response_document import ResponseDocument
from llmlb_dialect_openai.render.response_output import CallItem, MessageItem, OutputItem, ReasoningItem, Status
from llmlb_dialect_openai.seals import encrypted_of
from llmlb_dialect_openai.text import dumps, unique_id

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponseStream(Renderer):
    """Writes ``created`` and ``in_progress``, each output item from ``added`` to ``done``, then how it ended; no ``[DONE]``."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Make the response; nothing is written yet."""
        self._document = ResponseDocument(call, model)
        self._sequence = -1
        self._closed: list[Json] = []
        self._open: OutputItem | None = None
        self._calls_seen = -1
        self._finish: str | None = None
        self._usage: Usage | None = None

    def feed(self, result: Result) -> bytes:
        """Return the events of one delta."""
        delta = as_delta(result)
        if delta.usage is not None:
            self._usage = delta.usage
        events = self._begin() if self._sequence < 0 else b""
        if delta.reasoning:
            events += self._reasoning(delta.reasoning)
        for thinking in delta.thinking:
            events += self._sealed(encrypted_of(thinking))
        if delta.text or delta.logprobs:
            events += self._text(delta)
        for piece in delta.tool_calls:
            events += self._call(piece)
        if delta.finish is not None:
            self._finish = delta.finish
        return events

    def _begin(self) -> bytes:
        """Return the first two events."""
        response = self._document.in_progress()
        return self._event("response.created", response=response) + self._event("response.in_progress", response=response)

    def _event(self, kind: str, **members: object) -> bytes:
        """Return one event with the next sequence number."""
        self._sequence += 1
        data = dumps({"type": kind, "sequence_number": self._sequence, **members})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def _text(self, delta: Delta) -> bytes:
        """Return the events of answer text."""
        events = b""
        item = self._open
        if not isinstance(item, MessageItem):
            events = self._close("completed")
            item = MessageItem(unique_id("msg_"), len(self._closed))
            events += self._added(item) + self._part_added(item)
        item.pieces.append(delta.text)
        if delta.logprobs:
            item.logprobs.extend(delta.logprobs)
            return events + self._event(
                "response.output_text.delta",
                item_id=item.id,
                output_index=item.index,
                content_index=0,
                delta=delta.text,
                logprobs=_event_logprobs(logprob_objects(delta.logprobs)),
            )
        # The hot line: one text delta, written without building a dictionary.
        self._sequence += 1
        return (
            b'%bevent: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
            b'"item_id":"%b","output_index":%d,"content_index":0,"delta":%b,"logprobs":[]}\n\n'
        ) % (events, self._sequence, item.id.encode(), item.index, dumps(delta.text))

    def _reasoning(self, text: str) -> bytes:
        """Return the events of thinking."""
        events = b""
        item = self._open
        if not isinstance(item, ReasoningItem):
            events = self._close("completed")
            item = ReasoningItem(unique_id("rs_"), len(self._closed))
            events += self._added(item) + self._part_added(item)
        item.pieces.append(text)
        return events + self._event(
            "response.reasoning_text.delta", item_id=item.id, output_index=item.index, content_index=0, delta=text
        )

    def _sealed(self, encrypted: str) -> bytes:
        """Return the events of the end of a piece of thinking that its provider sealed: it is an item of its own."""
        events = b""
        item = self._open
        if not isinstance(item, ReasoningItem):
            events = self._close("completed")
            item = ReasoningItem(unique_id("rs_"), len(self._closed))
            events += self._added(item) + self._part_added(item)
        item.encrypted = encrypted
        return events + self._close("completed")

    def _call(self, piece: ToolCallDelta) -> bytes:
        """Return the events of a piece of a tool call; a call with a new number ends the one before.

        Raises:
            EngineFailed: A piece of a call that is over.
        """
        events = b""
        item = self._open
        if not isinstance(item, CallItem) or item.number != piece.index:
            if piece.index <= self._calls_seen:
                raise EngineFailed("The model's answer went back to a tool call that was over; try the call again.")
            self._calls_seen = piece.index
            call_id = piece.id or unique_id("call_")
            events = self._sealed(encrypted_of(piece.thinking, call_id)) if piece.thinking is not None else self._close("completed")
            item = CallItem(unique_id("fc_"), len(self._closed), piece.index, call_id, piece.name or "")
            events += self._added(item)
        if not piece.arguments:
            return events
        item.pieces.append(piece.arguments)
        return events + self._event(
            "response.function_call_arguments.delta", item_id=item.id, output_index=item.index, delta=piece.arguments
        )

    def _added(self, item: OutputItem) -> bytes:
        """Open *item*."""
        self._open = item
        return self._event("response.output_item.added", output_index=item.index, item=item.item("in_progress"))

    def _part_added(self, item: MessageItem | ReasoningItem) -> bytes:
        """Open the only part of *item*."""
        return self._event(
            "response.content_part.added", item_id=item.id, output_index=item.index, content_index=0, part=item.part()
        )

    def _close(self, status: Status) -> bytes:
        """Close the open item, if one is."""
        item = self._open
        if item is None:
            return b""
        place: Json = {"item_id": item.id, "output_index": item.index}
        if isinstance(item, CallItem):
            events = self._event("response.function_call_arguments.done", **place, name=item.name, arguments=item.arguments)
        else:
            part = item.part()
            place["content_index"] = 0
            if isinstance(item, MessageItem):
                logprobs = _event_logprobs(logprob_objects(item.logprobs))
                events = self._event("response.output_text.done", **place, text=part["text"], logprobs=logprobs)
            else:
                events = self._event("response.reasoning_text.done", **place, text=part["text"])
            events += self._event("response.content_part.done", **place, part=part)
        document = item.item(status)
        self._closed.append(document)
        self._open = None
        return events + self._event("response.output_item.done", output_index=item.index, item=document)

    def end(self) -> bytes:
        """Close what is open and say how it ended.

        Raises:
            EngineFailed: The answer has no finish reason.
        """
        events, response = self.finished()
        return events + self._event(f"response.{response['status']}", response=response)

    def finished(self) -> tuple[bytes, Json]:
        """Close what is open; return the events of that, and the response as it ended.

        Raises:
            EngineFailed: The answer has no finish reason.
        """
        check_whole([] if self._finish is None else [0], 1)
        events = self._begin() if self._sequence < 0 else b""
        reason = _INCOMPLETE.get(self._finish or "")
        if self._open is None and not self._closed:
            item = MessageItem(unique_id("msg_"), 0)
            events += self._added(item) + self._part_added(item)
        events += self._close("completed" if reason is None else "incomplete")
        return events, self._document.ended(self._closed, self._usage, reason)

    def error(self, error: CallError) -> bytes:
        """Return an ``error`` event and ``response.failed``; items that were open are in it as they were."""
        events = self._begin() if self._sequence < 0 else b""
        events += self._event("error", code=str(error.code), message=error.message, param=error.param)
        output = self._closed if self._open is None else [*self._closed, self._open.item("incomplete")]
        return events + self._event("response.failed", response=self._document.failed(output, error))


def _event_logprobs(entries: list[Json]) -> list[Json]:
    """Return log probabilities as events have them: without ``bytes``, which only finished parts carry."""
    return [_without_bytes(entry) | {"top_logprobs": [_without_bytes(top) for top in _tops(entry)]} for entry in entries]


def _tops(entry: Json) -> list[Json]:
    """Return the alternatives of one token."""
    tops = entry["top_logprobs"]
    return tops if isinstance(tops, list) else []


def _without_bytes(entry: Json) -> Json:
    """Return token and log probability."""
    return {"token": entry["token"], "logprob": entry["logprob"]}
