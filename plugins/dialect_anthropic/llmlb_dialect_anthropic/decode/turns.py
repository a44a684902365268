"""Turns of a conversation: consecutive messages of one role become one, and every tool call has its result."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field

from llmlb_core import ImagePart, Message, TextPart, Thinking, ToolCall
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_anthropic.decode.blocks import Parts


@define
class AssistantTurn:
    """What the model said, over one message or several."""

    parts: list[TextPart] = field(factory=list)
    calls: list[ToolCall] = field(factory=list)
    reasoning: list[str] = field(factory=list)
    thinking: list[Thinking] = field(factory=list)
    tied: dict[str, Thinking] = field(factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.parts or self.calls or self.reasoning or self.thinking)

    def message(self) -> Message:
        """Return it as one message."""
        return Message(
            "assistant",
            tuple(self.parts),
            tool_calls=tuple(evolve(call, thinking=self.tied.get(call.id)) for call in self.calls),
            reasoning="".join(self.reasoning) or None,
            thinking=tuple(self.thinking),
        )


class Turns:
    """Puts the messages of a body together.

    Attributes:
        messages: Those of turns that are over; all of them after ``close``.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.messages: list[Message] = []
        self._assistant: AssistantTurn | None = None
        self._assistant_path = ""
        self._results: list[Message] = []
        self._parts: list[Parts] = []
        self._open_calls: dict[str, None] = {}
        self._calls: dict[str, None] = {}

    def assistant(self, path: str) -> AssistantTurn:
        """Return the turn of the model that the message at *path* belongs to."""
        if self._assistant is None:
            self._end_user()
            self._assistant = AssistantTurn()
        self._assistant_path = path
        return self._assistant

    def user(self, path: str, results: Sequence[Message], parts: Parts) -> None:
        """Take a user's message: *results* of tools first, whatever their order in it was.

        Raises:
            InvalidRequest: A result belongs to no call of the turn before.
        """
        self._end_assistant()
        for result in results:
            call_id = result.tool_call_id or ""
            if call_id not in self._calls:
                raise InvalidRequest(
                    f"{path}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id[:64]}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
                    param=path,
                )
            self._open_calls.pop(call_id, None)
            self._results.append(result)
        if parts:
            self._parts.append(parts)

    def system(self, parts: Parts) -> None:
        """Take a system message that stands among the others."""
        self._end_assistant()
        self._end_user(is_over=False)
        self.messages.append(Message("system", parts))

    def close(self) -> bool:
        """Take nothing more; say whether the last turn is the model's, to be gone on with."""
        goes_on = self._assistant is not None
        self._end_assistant()
        self._end_user()
        return goes_on

    def _end_assistant(self) -> None:
        turn, self._assistant = self._assistant, None
        if turn is None:
            return
        self._calls = dict.fromkeys(call.id for call in turn.calls)
        self._open_calls = dict(self._calls)
        self.messages.append(turn.message())

    def _end_user(self, *, is_over: bool = True) -> None:
        """Write results and text; where the turn *is_over*, no call may lack its result."""
        if is_over and self._open_calls:
            raise InvalidRequest(
                f"{self._assistant_path}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(call_id[:64] for call_id in list(self._open_calls)[:8])}. "
                "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
                param=self._assistant_path,
            )
        self.messages += self._results
        if self._parts:
            self.messages.append(Message("user", _joined(self._parts)))
        self._results, self._parts = [], []


def _joined(several: Sequence[Parts]) -> Parts:
    """Join the contents of consecutive messages, an empty line between text and text."""
    parts: list[TextPart | ImagePart] = []
    for content in several:
        if parts and isinstance(parts[-1], TextPart) and isinstance(content[0], TextPart):
            parts.append(TextPart("\n\n"))
        parts += content
    return tuple(parts)
