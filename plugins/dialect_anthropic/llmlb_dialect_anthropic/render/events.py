"""Events of a streamed answer, in the order in which Anthropic sends them."""

from __future__ import annotations

from llmlb_core import Call, Delta, Identity, Renderer, Result, Usage
from llmlb_core.errors import CallError
from llmlb_dialect_anthropic.error_document import error_event
from llmlb_dialect_anthropic.render.blocks import Append, Begin, Blocks, Step
from llmlb_dialect_anthropic.render.parts import SSE, Json, as_delta, ending, omits_thinking, unfinished, usage_object
from llmlb_dialect_anthropic.text import dumps, unique_id

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}\n\n'
_DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "input": ("input_json_delta", "partial_json"),
    "signature": ("signature_delta", "signature"),
}


class MessageStream(Renderer):
    """Writes ``message_start``, the blocks one after the other, ``message_delta`` with the reason and usage, ``message_stop``."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Remember who answers."""
        self._model = model
        self._identity = Identity(unique_id("msg_"), 0)
        self._blocks = Blocks(omits_thinking(call))
        self._is_started = False
        self._last: Delta | None = None
        self._usage: Usage | None = None
        self._count = 0

    @property
    def identity(self) -> Identity:
        """The message's id."""
        return self._identity

    def follow(self, identity: Identity) -> bool:
        """Go on with another answer's events: text, of the first block; nothing else of a relayed stream is ever gone on with."""
        self._identity, self._is_started = identity, True
        self._blocks.open, self._blocks.count = "text", 1
        return True

    def feed(self, result: Result) -> bytes:
        """Return the events of one delta."""
        delta = as_delta(result)
        if delta.usage is not None:
            self._usage = delta.usage
        if delta.choice or not delta.has_content:
            return b""
        self._count += 1 if delta.finish is None else 0
        blocks = self._blocks
        if blocks.open == "text" and delta.text and not (delta.reasoning or delta.tool_calls or delta.finish or delta.thinking):
            return _TEXT % (blocks.index, dumps(delta.text))
        if delta.finish is not None:
            self._last = delta
        start = b"" if self._is_started else self._start()
        return start + b"".join(map(_step, blocks.take(delta)))

    def end(self) -> bytes:
        """Return the rest.

        Raises:
            EngineFailed: The answer did not finish; no ``message_stop`` then.
        """
        if self._last is None:
            raise unfinished()
        # Usage must be told. Of a server that told none, a delta with content counts as one token, as in the server's own records.
        usage = self._usage or Usage(completion_tokens=self._count, is_counted=True)
        last = {"type": "message_delta", "delta": ending(self._last), "usage": usage_object(usage)}
        return b"".join(map(_step, self._blocks.close())) + _event(b"message_delta", last) + MESSAGE_STOP

    def error(self, error: CallError) -> bytes:
        """Return an in-band error; nothing follows."""
        return error_event(error)

    def _start(self) -> bytes:
        """Return what comes first. Tokens are not counted by then; ``message_delta`` tells all of them."""
        self._is_started = True
        message: Json = {
            "id": self._identity.id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(Usage()),
        }
        return _event(b"message_start", {"type": "message_start", "message": message}) + PING


def _step(step: Step) -> bytes:
    if isinstance(step, Append):
        kind, member = _DELTAS[step.kind]
        piece = {"type": "content_block_delta", "index": step.index, "delta": {"type": kind, member: step.text}}
        return _event(b"content_block_delta", piece)
    if isinstance(step, Begin):
        begun = {"type": "content_block_start", "index": step.index, "content_block": step.block}
        return _event(b"content_block_start", begun)
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % step.index


def _event(name: bytes, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name, dumps(data))
