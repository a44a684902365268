"""One choice: an engine's deltas read into what the client is told."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core.contracts.engine import TextDelta
from llmlb_core.domain.results import Delta, FinishReason, TokenLogprob, ToolCallDelta
from llmlb_core.worker.chat_format.pieces import Call, Chain, Parser, Piece, Reasoning, Text
from llmlb_core.worker.chat_format.text import Characters
from llmlb_core.worker.generation.logprobs import LogprobLedger


class Answer:
    """Turns what an engine yields for one sequence into deltas of one choice.

    Attributes:
        completion_tokens: Generated so far, reasoning included.
        reasoning_tokens: How many of them were reasoning, as far as deltas tell.
        prompt_tokens: What the engine said, or None.
        cached_tokens: Likewise.
    """

    def __init__(self, choice: int, parsers: Sequence[Parser] = ()) -> None:
        """Start choice number *choice*, its raw text taken apart by *parsers*."""
        self._choice = choice
        self._chain = Chain(parsers)
        self._characters = Characters()
        self._ledger = LogprobLedger()
        self._has_calls = False
        self._is_thinking = False
        self.completion_tokens = 0
        self.reasoning_tokens = 0
        self.prompt_tokens: int | None = None
        self.cached_tokens: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether the answer is complete although the engine may go on: a stop string was found."""
        return self._chain.is_done

    def feed(self, delta: TextDelta) -> Delta | None:
        """Take an engine's delta; return what it adds for the client, if anything."""
        if delta.prompt_tokens is not None:
            self.prompt_tokens = delta.prompt_tokens
        if delta.cached_tokens is not None:
            self.cached_tokens = delta.cached_tokens
        self.completion_tokens += delta.token_count
        pieces = self._chain.feed(self._ledger.read(delta.text, delta.logprobs, self._characters))
        if self._thinks(pieces):
            self.reasoning_tokens += delta.token_count
        return self._delta(pieces)

    def finish(self) -> Delta | None:
        """Return what was held back."""
        pieces = [] if self._chain.is_done else self._chain.feed(self._characters.finish())
        return self._delta([*pieces, *self._chain.finish()])

    def ending(self, finish: FinishReason | None) -> Delta:
        """Return the last delta of this choice.

        Args:
            finish: Why the engine ended; None where it did not say.
        """
        if self._chain.is_done or finish is None:
            finish = "stop"
        if finish == "stop" and self._has_calls:
            finish = "tool_calls"
        return Delta(choice=self._choice, finish=finish, stop=self._chain.stop)

    def _thinks(self, pieces: Sequence[Piece]) -> bool:
        """Whether the tokens that made *pieces* were reasoning; a delta without any continues what was before."""
        for piece in pieces:
            if isinstance(piece, Reasoning):
                self._is_thinking = True
            elif isinstance(piece, Text | Call):
                self._is_thinking = False
        return self._is_thinking

    def _delta(self, pieces: Sequence[Piece]) -> Delta | None:
        text, reasoning = [], []
        calls: list[ToolCallDelta] = []
        logprobs: list[TokenLogprob] = []
        for piece in pieces:
            logprobs += self._ledger.advance(piece)
            if isinstance(piece, Text):
                text.append(piece.text)
            elif isinstance(piece, Reasoning):
                reasoning.append(piece.text)
            elif isinstance(piece, Call):
                calls.append(piece.delta)
        if not (text or reasoning or calls or logprobs):
            return None
        self._has_calls = self._has_calls or bool(calls)
        return Delta(
            choice=self._choice,
            text="".join(text),
            reasoning="".join(reasoning),
            tool_calls=tuple(calls),
            logprobs=tuple(logprobs),
        )
