"""What a model answers: deltas while it speaks, usage when it is done, vectors for embeddings."""

from __future__ import annotations

from typing import Literal

from attrs import define, frozen

from llmlb_core.domain.chat import Thinking

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
CHARACTERS_PER_TOKEN = 4


@define
class Usage:
    """Tokens of one call, as what served it told them. Treat it as frozen: being so would cost as much as all else in it.

    Attributes:
        prompt_tokens: Tokens read.
        completion_tokens: Tokens generated, over all choices, reasoning included.
        cached_tokens: How many prompt tokens came from a cache.
        cache_written_tokens: How many prompt tokens were put into a cache.
        reasoning_tokens: How many completion tokens were reasoning.
        is_partial: Whether the call ended before its answer did; tokens are those that went out.
        is_counted: Whether nobody told them, so that we estimated them (see ``counted``).
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    is_partial: bool = False
    is_counted: bool = False
    cache_written_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion."""
        return self.prompt_tokens + self.completion_tokens


@define
class Delivered:
    """How much of an answer went out: what is known of its usage where nobody told it.

    Attributes:
        events: Events of a stream that brought content: text, reasoning or a piece of a tool call. 0 of a plain answer.
        characters: Of all content.
    """

    events: int = 0
    characters: int = 0


def counted(delivered: Delivered) -> Usage:
    """Return an estimate of the usage that nobody told, of what went out and of nothing else.

    Servers of chat models send an event for each token, so of a stream one event with content counts as one token; where a server
    puts several tokens into one event, that is too low. Of a plain answer four characters count as one token, which is about right
    for English. Tokens of the prompt are 0: templates, tools and images decide about them, and only the server knows.
    """
    tokens = delivered.events or -(-delivered.characters // CHARACTERS_PER_TOKEN)
    return Usage(completion_tokens=tokens, is_counted=True)


@frozen
class TopLogprob:
    """One alternative at a position; ``bytes`` is the token's own UTF-8, perhaps a part of a character."""

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()


@frozen
class TokenLogprob:
    """A generated token with its natural-log probability (at most 0) and the most likely alternatives."""

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()
    top: tuple[TopLogprob, ...] = ()


@frozen
class ToolCallDelta:
    """A piece of a tool call.

    Attributes:
        index: Which call of this choice, from 0.
        id: With the first piece of a call, else None.
        name: With the first piece of a call, else None.
        arguments: JSON text to append.
        thinking: As in ``ToolCall``; with any one piece of a call.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    thinking: Thinking | None = None


@define
class Delta:
    """One step of an answer, for one choice. Whole characters only: UTF-8 is never cut. Treat it as frozen, as ``Usage``.

    Attributes:
        choice: Index of the choice, from 0.
        text: Answer text to append.
        reasoning: Thinking to append, kept apart from the answer.
        tool_calls: Pieces of tool calls.
        logprobs: Of the tokens that ``text`` is made of.
        finish: Set once per choice, on its last delta.
        usage: Of the whole call; set once, on a delta after every choice finished.
        thinking: Blocks of thinking that are whole now, sealed; their text came before, as ``reasoning``.
        stop: With ``finish``: which of the request's stop strings ended the answer, where that is known.
    """

    choice: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: FinishReason | None = None
    usage: Usage | None = None
    thinking: tuple[Thinking, ...] = ()
    stop: str | None = None

    @property
    def has_content(self) -> bool:
        """Whether a client could notice this delta; the first such one commits the call."""
        return bool(self.text or self.reasoning or self.tool_calls or self.finish or self.thinking)


@frozen
class Vectors:
    """Embeddings, one row per input, in input order.

    Attributes:
        data: ``float32``, little-endian, row by row: ``count × dimension × 4`` bytes; rows of unit length.
        usage: Tokens read.
    """

    data: bytes
    count: int
    dimension: int
    usage: Usage = Usage()

    @property
    def has_content(self) -> bool:
        """Whether a client could notice them."""
        return True

    def row(self, index: int) -> bytes:
        """The bytes of one vector."""
        size = self.dimension * 4
        return self.data[index * size : (index + 1) * size]
