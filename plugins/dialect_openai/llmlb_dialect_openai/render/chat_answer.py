"""``chat.completion``: a plain chat."""

from __future__ import annotations

import time

from attrs import define, field

from llmlb_core import Call, Delta, Renderer, Result, Thinking, TokenLogprob, ToolCallDelta, Usage
from llmlb_core.errors import CallError
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.parts import JSON, Json, as_delta, check_whole, choice_count, logprob_objects, usage_object
from llmlb_dialect_openai.render.views import ChatView
from llmlb_dialect_openai.seals import block_of, extra_of
from llmlb_dialect_openai.text import dumps, unique_id


@define
class _ToolCall:
    """One call, put together from its pieces."""

    id: str
    name: str
    arguments: list[str] = field(factory=list)
    thinking: Thinking | None = None


@define
class _Choice:
    """One answer, put together from its deltas."""

    text: list[str] = field(factory=list)
    reasoning: list[str] = field(factory=list)
    logprobs: list[TokenLogprob] = field(factory=list)
    calls: dict[int, _ToolCall] = field(factory=dict)
    thinking: list[Thinking] = field(factory=list)
    finish: str | None = None

    def add(self, delta: Delta) -> None:
        """Append one delta."""
        self.text.append(delta.text)
        self.reasoning.append(delta.reasoning)
        self.logprobs.extend(delta.logprobs)
        self.thinking.extend(delta.thinking)
        for piece in delta.tool_calls:
            self._add_call(piece)
        self.finish = delta.finish or self.finish

    def _add_call(self, piece: ToolCallDelta) -> None:
        """Append a piece of a tool call."""
        call = self.calls.get(piece.index)
        if call is None:
            call = self.calls[piece.index] = _ToolCall(piece.id or unique_id("call_"), piece.name or "")
        call.arguments.append(piece.arguments)
        call.thinking = piece.thinking or call.thinking

    def message(self, *, is_legacy: bool) -> Json:
        """Return ``message``."""
        text = "".join(self.text)
        message: Json = {
            "role": "assistant",
            "content": text if text or not self.calls else None,
            "refusal": None,
            "annotations": [],
        }
        reasoning = "".join(self.reasoning)
        if reasoning:
            message["reasoning_content"] = reasoning
        if self.thinking:
            message["thinking_blocks"] = [block_of(each) for each in self.thinking]
        functions = [{"name": call.name, "arguments": "".join(call.arguments)} for _, call in sorted(self.calls.items())]
        if functions and is_legacy:
            message["function_call"] = functions[0]
        elif functions:
            calls = [call for _, call in sorted(self.calls.items())]
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": function}
                | ({"extra_content": extra_of(call.thinking)} if call.thinking is not None else {})
                for call, function in zip(calls, functions, strict=True)
            ]
        return message


class ChatAnswer(Renderer):
    """Collects every choice and writes one object."""

    content_type = JSON

    def __init__(self, call: Call, model: str) -> None:
        """Remember who answers."""
        self._model = model
        self._created = int(time.time())
        self._is_legacy = ChatView.of(call.body).is_legacy
        self._choices: dict[int, _Choice] = {index: _Choice() for index in range(choice_count(call))}
        self._usage: Usage | None = None

    def feed(self, result: Result) -> bytes:
        """Collect."""
        delta = as_delta(result)
        if delta.usage is not None:
            self._usage = delta.usage
        self._choices.setdefault(delta.choice, _Choice()).add(delta)
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: A choice did not finish.
        """
        check_whole([index for index, choice in self._choices.items() if choice.finish], len(self._choices))
        return dumps(
            {
                "id": unique_id("chatcmpl-"),
                "object": "chat.completion",
                "created": self._created,
                "model": self._model,
                "choices": [self._choice(index, choice) for index, choice in sorted(self._choices.items())],
                "usage": usage_object(self._usage) if self._usage is not None else None,
                "system_fingerprint": None,
            }
        )

    def _choice(self, index: int, choice: _Choice) -> Json:
        """Return one of ``choices``."""
        return {
            "index": index,
            "message": choice.message(is_legacy=self._is_legacy),
            "logprobs": {"content": logprob_objects(choice.logprobs), "refusal": None} if choice.logprobs else None,
            "finish_reason": "function_call" if self._is_legacy and choice.finish == "tool_calls" else choice.finish,
        }

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)
