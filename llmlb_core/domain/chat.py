"""The canonical request: what every dialect is read into, and what every engine is asked.

Field names follow OpenAI's API reference where it has a word; ranges are checked by the dialect that reads them.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

Role = Literal["system", "developer", "user", "assistant", "tool"]


@frozen
class TextPart:
    """Text in a message."""

    text: str


@frozen
class ImagePart:
    """An image in a message: a ``data:`` or ``https:`` URL."""

    url: str
    detail: str = "auto"


@frozen
class Thinking:
    """A block of a model's thinking as its provider sealed it: the provider wants it back unchanged, or refuses the conversation.

    Attributes:
        dialect: Whose it is; servers of another dialect are not sent it.
        kind: The dialect's own word for such a block.
        text: What may be read of it.
        seal: Signature or ciphertext, character for character.
    """

    dialect: str
    kind: str = ""
    text: str = ""
    seal: str = field(default="", repr=False)


@frozen
class ToolCall:
    """A call of a tool, written by the model.

    Attributes:
        arguments: JSON text, as the model wrote it; it need not be valid.
        thinking: The sealed thinking that goes with this call, where its provider ties the two together.
    """

    id: str
    name: str
    arguments: str
    thinking: Thinking | None = None


@frozen
class Message:
    """One message of a conversation.

    Attributes:
        tool_calls: Only with role ``assistant``.
        tool_call_id: Only with role ``tool``: which call this answers.
        reasoning: The model's earlier thinking, where the client sends it back.
        thinking: The same as its provider sealed it, in order.
        is_error: Only with role ``tool``: whether the tool failed, and the text says how.
    """

    role: Role
    parts: tuple[TextPart | ImagePart, ...] = ()
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None
    thinking: tuple[Thinking, ...] = ()
    is_error: bool = False

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@frozen
class Tool:
    """A function that the model may call; ``parameters_json`` is a JSON schema as JSON text, or None for no arguments."""

    name: str
    description: str | None = None
    parameters_json: str | None = None
    strict: bool = False


@frozen
class ToolChoice:
    """Whether the model may, must or must not call tools; ``names`` are allowed, all when empty."""

    mode: Literal["none", "auto", "required"] = "auto"
    names: tuple[str, ...] = ()


@frozen
class ResponseFormat:
    """``text``; ``json_object``: any JSON object; ``json_schema``: JSON that fits ``schema_json`` (JSON text)."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    schema_json: str | None = None
    strict: bool = False


@frozen
class Sampling:
    """How tokens are drawn. None means the model's or engine's default.

    Attributes:
        temperature: In [0, 2]; 0 is greedy.
        top_p: In [0, 1].
        presence_penalty: In [-2, 2].
        frequency_penalty: In [-2, 2].
        seed: Same seed, same answer, as far as the engine can.
        logit_bias: ``(token id, bias in [-100, 100])`` pairs.
        max_tokens: At most this many generated tokens, reasoning included.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_penalty: float | None = None
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    max_tokens: int | None = None


@frozen(kw_only=True)
class ChatRequest:
    """A conversation to be continued.

    Attributes:
        n: How many answers, 1 to 8.
        stop: Strings that end an answer and are not part of it; dialects bound how many.
        logprobs: Whether tokens come with their log probabilities.
        top_logprobs: How many alternatives per token, 0 to 20.
        reasoning_effort: As the client wrote it; for templates that know it.
        thinking_tokens: How many tokens the model may think with; 0 = it must not think, None = as it likes.
        user: Who asks, as the client calls its own user; opaque.
        continues: Whether the answer goes on with the text of the last message, which is the assistant's, and does not repeat it.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    n: int = 1
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    response_format: ResponseFormat = ResponseFormat()
    reasoning_effort: str | None = None
    thinking_tokens: int | None = None
    user: str | None = None
    continues: bool = False


@frozen(kw_only=True)
class CountRequest:
    """How many tokens *chat* would have as a prompt. Answered by one ``Delta`` that has nothing but usage."""

    chat: ChatRequest


@frozen(kw_only=True)
class CompletionRequest:
    """Prompts to be continued, each ``n`` times; choice index = prompt index × n + answer index.

    Attributes:
        prompts: Text, or token ids of the model that serves the call.
        echo: Whether answers begin with their prompt.
        logprobs: Whether tokens come with log probabilities; ``top_logprobs`` alternatives each.
    """

    prompts: tuple[str | tuple[int, ...], ...]
    sampling: Sampling = Sampling()
    n: int = 1
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    echo: bool = False
    suffix: str | None = None


@frozen(kw_only=True)
class EmbeddingRequest:
    """Inputs to be embedded, each text or token ids.

    Attributes:
        dimensions: Cut vectors to this length and normalise again, where the model allows; None = whole.
    """

    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
