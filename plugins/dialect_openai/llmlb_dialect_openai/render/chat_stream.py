"""``chat.completion.chunk``: a streamed chat."""

from __future__ import annotations

import time

from llmlb_core import Call, Delta, Identity, Renderer, Result, ToolCallDelta, Usage
from llmlb_core.errors import CallError
from llmlb_dialect_openai.render.parts import (
    DONE,
    SSE,
    Json,
    as_delta,
    check_whole,
    choice_count,
    chunk_head,
    error_frame,
    logprob_objects,
    usage_chunk,
)
from llmlb_dialect_openai.render.views import ChatView
from llmlb_dialect_openai.seals import block_of, extra_of
from llmlb_dialect_openai.text import dumps, unique_id


class ChatStream(Renderer):
    """Writes a first chunk with the role, then deltas, then a finish for each choice, usage if asked for, and ``[DONE]``."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Build what every chunk begins and ends with."""
        view = ChatView.of(call.body)
        self._model = model
        self._wants_usage = view.wants_usage
        self._is_legacy = view.is_legacy
        self._identity = Identity(unique_id("chatcmpl-"), int(time.time()))
        self._head = chunk_head("chat.completion.chunk", self._identity, self._model)
        self._usage_null = b',"usage":null' if self._wants_usage else b""
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._usage_null + b"}\n\n"
        self._count = choice_count(call)
        self._started: set[int] = set()
        self._finished: set[int] = set()
        self._call_ids: set[tuple[int, int]] = set()
        self._usage: Usage | None = None

    @property
    def identity(self) -> Identity:
        """Id and time of all its chunks."""
        return self._identity

    def follow(self, identity: Identity) -> bool:
        """Go on with another answer's chunks; its role was sent."""
        self._identity = identity
        self._head = chunk_head("chat.completion.chunk", identity, self._model)
        self._started.add(0)
        return True

    def feed(self, result: Result) -> bytes:
        """Return the chunks of one delta."""
        delta = as_delta(result)
        choice = delta.choice
        if delta.usage is not None:
            self._usage = delta.usage
        if (
            choice in self._started
            and delta.text
            and not (delta.logprobs or delta.tool_calls or delta.reasoning or delta.finish or delta.thinking)
        ):
            return b'%b{"index":%d,"delta":{"content":%b%b' % (self._head, choice, dumps(delta.text), self._text_tail)
        if not (delta.has_content or delta.logprobs):
            return b""
        return self._slow(delta)

    def _slow(self, delta: Delta) -> bytes:
        """Return the chunks of a delta that is more than text."""
        chunks = b""
        if delta.choice not in self._started:
            self._started.add(delta.choice)
            content = None if delta.tool_calls and not delta.text else ""
            chunks = self._chunk(delta.choice, {"role": "assistant", "content": content, "refusal": None})
        if delta.reasoning:
            chunks += self._chunk(delta.choice, {"reasoning_content": delta.reasoning})
        if delta.thinking:
            chunks += self._chunk(delta.choice, {"thinking_blocks": [block_of(each) for each in delta.thinking]})
        if delta.text or delta.logprobs:
            logprobs: Json | None = {"content": logprob_objects(delta.logprobs), "refusal": None} if delta.logprobs else None
            chunks += self._chunk(delta.choice, {"content": delta.text}, logprobs=logprobs)
        if delta.tool_calls:
            chunks += self._chunk(delta.choice, self._calls(delta))
        if delta.finish is not None:
            self._finished.add(delta.choice)
            finish = "function_call" if self._is_legacy and delta.finish == "tool_calls" else delta.finish
            chunks += self._chunk(delta.choice, {}, finish=finish)
        return chunks

    def _calls(self, delta: Delta) -> Json:
        """Return pieces of tool calls, in today's form or as the older ``function_call``."""
        if not self._is_legacy:
            return {"tool_calls": [self._call(delta.choice, piece) for piece in delta.tool_calls]}
        function: Json = {"arguments": "".join(piece.arguments for piece in delta.tool_calls)}
        name = next((piece.name for piece in delta.tool_calls if piece.name is not None), None)
        return {"function_call": function if name is None else {"name": name, **function}}

    def _call(self, choice: int, piece: ToolCallDelta) -> Json:
        """Return one piece; the first of each call has its id, type and name."""
        extra = {"extra_content": extra_of(piece.thinking)} if piece.thinking is not None else {}
        if (choice, piece.index) in self._call_ids:
            return {"index": piece.index, "function": {"arguments": piece.arguments}, **extra}
        self._call_ids.add((choice, piece.index))
        function = {"name": piece.name or "", "arguments": piece.arguments}
        return {"index": piece.index, "id": piece.id or unique_id("call_"), "type": "function", "function": function, **extra}

    def _chunk(self, choice: int, delta: Json, *, logprobs: Json | None = None, finish: str | None = None) -> bytes:
        """Return one chunk."""
        body = dumps({"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish})
        return self._head + body + b"]" + self._usage_null + b"}\n\n"

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
