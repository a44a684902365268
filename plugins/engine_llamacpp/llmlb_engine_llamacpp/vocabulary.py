"""What has to be known of a model's tokenizer to hand prompts over exactly."""

from __future__ import annotations

from typing import Self

from attrs import frozen

from llmlb_core import ModelFacts
from llmlb_core.errors import InvalidRequest
from llmlb_engine_llamacpp.header import Header
from llmlb_engine_llamacpp.native import NativeServer


@frozen
class Vocabulary:
    """The special tokens of a loaded model.

    Attributes:
        adds_bos: Whether its tokenizer begins every text with the begin token.
        size: How many tokens there are, 0 where the file does not list them.
    """

    native: NativeServer
    adds_bos: bool
    bos_id: int | None
    bos_token: str
    eos_id: int | None
    eos_token: str
    size: int

    @classmethod
    def of(cls, native: NativeServer, header: Header, facts: ModelFacts) -> Self:
        """Look at the file's header, and at what the tokenizer really does."""
        bos_id = header.number("tokenizer.ggml.bos_token_id")
        # Asked, not read: `add_bos_token` is often absent, and its default depends on the kind of vocabulary.
        adds_bos = bos_id is not None and native.tokenize("a", add_special=True)[:1] == [bos_id]
        tokens = header.texts.get("tokenizer.ggml.tokens")
        return cls(
            native=native,
            adds_bos=adds_bos,
            bos_id=bos_id,
            bos_token=facts.bos_token,
            eos_id=header.number("tokenizer.ggml.eos_token_id"),
            eos_token=facts.eos_token,
            size=tokens.count if tokens is not None else 0,
        )

    def prompt(self, prompt: str | tuple[int, ...], *, add_special: bool) -> str | list[int]:
        """Return *prompt* as llama.cpp takes it; its tokenizer will add a begin token to text where the model has that habit.

        A begin token that a template wrote is not doubled; one that is not wanted is kept away by sending token ids.

        Raises:
            InvalidRequest: A token id is not in the vocabulary.
        """
        if isinstance(prompt, tuple):
            if self.size and (wrong := [token for token in prompt if not 0 <= token < self.size]):
                raise InvalidRequest(f"{wrong[0]} is not a token of this model, which has {self.size}.", param="prompt")
            return list(prompt) or self._nothing()
        if not self.adds_bos:
            return prompt or self._nothing()
        if self.bos_token and prompt.startswith(self.bos_token):
            return prompt[len(self.bos_token) :]
        if add_special:
            return prompt
        return self.native.tokenize(prompt, add_special=False) or self._nothing()

    def _nothing(self) -> list[int]:
        """Stand in for an empty prompt: the model starts as if at the beginning of a document."""
        start = self.bos_id if self.bos_id is not None else self.eos_id
        if start is None:
            raise InvalidRequest("The prompt is empty, and this model has no token to begin with.", param="prompt")
        return [start]
