"""Messages and their events as results. Source: the reference's pages "Messages" and "Streaming messages"."""

from __future__ import annotations

from typing import Any

import msgspec

from llmlb_core import AnswerReader, Delta, Fault, Thinking, ToolCallDelta, Usage, split_events

FINISHES: dict[str, Any] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_THOUGHTS = ("thinking", "redacted_thinking")


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: dict[str, Any] | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Message(msgspec.Struct):
    type: str = ""
    content: list[_Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: _Usage | None = None
    input_tokens: int | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None


class _Kind(msgspec.Struct):
    type: str


class _Part(msgspec.Struct):
    type: str = ""
    content_block: _Kind | None = None
    delta: _Kind | None = None


_KNOWN = frozenset({"message_start", "message_delta", "message_stop", "content_block_stop", "error"})
_KNOWN_PARTS = frozenset({"text", "tool_use", *_THOUGHTS, "text_delta", "input_json_delta", "thinking_delta", "signature_delta"})
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_message = msgspec.json.Decoder(_Message).decode


class _Open:
    """A block that has begun and not ended."""

    __slots__ = ("block", "has_input", "place", "seal", "texts")

    def __init__(self, block: _Block, place: int) -> None:
        self.block, self.place = block, place
        self.texts = [block.thinking] if block.thinking else []
        self.seal = block.signature
        self.has_input = False


class MessageReader(AnswerReader):
    """Reads a message, whole or event by event."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._blocks: dict[int, _Open] = {}
        self._call_count = 0
        self._told = _Usage()

    def read(self, events: bytes) -> bytes:
        """Take whole events."""
        for _, data in split_events(events):
            if not data or not self.is_flowing:
                continue
            try:
                event = _decode_event(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                if _is_of_tomorrow(data):
                    continue
                self._fail(Fault("an event of its stream is not what the dialect has"))
                break
            self._take(event, data)
        return events

    def read_plain(self, body: bytes) -> None:
        """Take a whole message, or a count of tokens."""
        try:
            message = _decode_message(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"its answer is no message ({error})") from None
        if message.input_tokens is not None and not message.type:
            self.results.append(Delta(usage=Usage(prompt_tokens=message.input_tokens)))
            return
        if message.type != "message":
            raise ValueError(f"its answer is of type {message.type!r} where 'message' was expected")
        if message.stop_reason is None:
            raise ValueError("its answer has no stop_reason")
        for number, block in enumerate(message.content):
            self._begin(number, block)
            self._end(number)
        self._count(message.usage)
        self._stop(message.stop_reason, message.stop_sequence)

    def _take(self, event: _Event, data: bytes) -> None:
        kind = event.type
        if kind == "content_block_delta":
            if event.delta is not None:
                self._grow(event.index, event.delta)
        elif kind == "content_block_start":
            if event.content_block is not None:
                self._begin(event.index, event.content_block)
        elif kind == "content_block_stop":
            self._end(event.index)
        elif kind == "message_start":
            self._count(None if event.message is None else event.message.usage)
        elif kind == "message_delta":
            self._count(event.usage)
            if event.delta is not None and event.delta.stop_reason is not None:
                self._stop(event.delta.stop_reason, event.delta.stop_sequence)
        elif kind == "error":
            self._fail(Fault("it reported an error within its stream", "upstream_error", data))
        # Whatever else comes, `ping` and kinds of events that are not known yet, is read over, as the reference asks for.

    def _begin(self, index: int, block: _Block) -> None:
        self._blocks[index] = _Open(block, self._call_count)
        if block.type == "tool_use":
            self._call_count += 1
            piece = ToolCallDelta(self._call_count - 1, block.id, block.name)
            self._put(Delta(tool_calls=(piece,)))
        elif block.text:
            self._put(Delta(text=block.text))
        elif block.thinking:
            self._put(Delta(reasoning=block.thinking))

    def _grow(self, index: int, delta: _Delta) -> None:
        if delta.text:
            self._put(Delta(text=delta.text))
            return
        block = self._blocks.get(index)
        if block is None:
            return
        if delta.partial_json:
            if block.block.type == "tool_use":
                block.has_input = True
                self._put(Delta(tool_calls=(ToolCallDelta(block.place, arguments=delta.partial_json),)))
        elif delta.thinking:
            block.texts.append(delta.thinking)
            self._put(Delta(reasoning=delta.thinking))
        elif delta.signature:
            block.seal += delta.signature

    def _end(self, index: int) -> None:
        opened = self._blocks.pop(index, None)
        if opened is None:
            return
        block = opened.block
        if block.type == "tool_use" and not opened.has_input:
            # All of a plain answer's; in a stream a call without arguments has an empty piece of JSON or none.
            self._put(Delta(tool_calls=(ToolCallDelta(opened.place, arguments=bytes(block.input).decode()),)))
        if block.type not in _THOUGHTS:
            return
        sealed = Thinking("anthropic", block.type, "".join(opened.texts), block.data or opened.seal)
        self._put(Delta(thinking=(sealed,)))

    def _stop(self, reason: str, sequence: str | None) -> None:
        self._put(Delta(finish=FINISHES.get(reason, "stop"), stop=sequence))
        self.usage = _usage(self._told)
        self.results.append(Delta(usage=self.usage))
        self.is_finished = True
        self.is_flowing = self.is_open = False

    def _put(self, delta: Delta) -> None:
        self.results.append(delta)
        self.has_content = True

    def _count(self, told: _Usage | None) -> None:
        """Take what was told of tokens: numbers are of all so far, and a later one may leave some out."""
        if told is None:
            return
        for name in _Usage.__struct_fields__:
            value = getattr(told, name)
            if value is not None:
                setattr(self._told, name, value)

    def _fail(self, fault: Fault) -> None:
        self.fault, self.is_flowing = fault, False


def _is_of_tomorrow(data: bytes) -> bool:
    """Whether an event that cannot be read is of a kind, or has a part of a kind, that is not known yet."""
    try:
        kind = msgspec.json.decode(data, type=_Kind).type
        if kind not in ("content_block_start", "content_block_delta"):
            return kind not in _KNOWN
        event = msgspec.json.decode(data, type=_Part)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    part = event.content_block if kind == "content_block_start" else event.delta
    return part is not None and part.type not in _KNOWN_PARTS


def _usage(told: _Usage) -> Usage:
    """Return usage as it is counted here: what was read from a cache or put into one was read, too."""
    read, written = told.cache_read_input_tokens or 0, told.cache_creation_input_tokens or 0
    thoughts = (told.output_tokens_details or {}).get("thinking_tokens")
    return Usage(
        prompt_tokens=(told.input_tokens or 0) + read + written,
        completion_tokens=told.output_tokens or 0,
        cached_tokens=read,
        reasoning_tokens=thoughts if isinstance(thoughts, int) else 0,
        cache_written_tokens=written,
    )
