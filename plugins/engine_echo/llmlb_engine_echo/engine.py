"""The echo engine."""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Literal

from llmlb_core import (
    Cancel,
    Device,
    EmbeddingEngine,
    Feature,
    Fit,
    LocalModel,
    ModelFacts,
    Placement,
    TextDelta,
    TextEngine,
    TextRequest,
    TokenLogprob,
    TopLogprob,
    Usage,
    Vectors,
    float32_rows,
)
from llmlb_core.errors import ContextLengthExceeded, InvalidRequest, ModelFilesInvalid, UnsupportedParameter
from llmlb_engine_echo import prompt, tokens
from llmlb_engine_echo.faults import Faults, crash, keep_busy
from llmlb_engine_echo.options import EchoOptions
from llmlb_engine_echo.schema import SchemaUnsupported, instance_of

MEMORY_BYTES = 48 * 1024 * 1024
"""What a worker takes that runs nothing else."""


class EchoEngine(TextEngine, EmbeddingEngine):
    """Says what the user said, or what its options say."""

    name = "echo"
    supports: frozenset[Feature] = frozenset(
        {
            *("json_schema", "logprobs", "seed", "logit_bias", "penalties"),
            *("token_prompts", "echo_logprobs", "suffix", "images", "dimensions"),
        }
    )
    options_class = EchoOptions
    max_concurrency = 1  # until it is loaded and knows its options

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit:
        """Fit any model, badly: real engines go first."""
        del devices
        return Fit(0.0, max(MEMORY_BYTES, facts.size_bytes), "it repeats what it is told, whatever the model")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Take the options; wait, take memory or fail as they say."""
        self._options = options if isinstance(options, EchoOptions) else EchoOptions()
        self._faults = Faults(self._options)
        self._script = itertools.cycle(self._options.script or (None,))
        self._script_lock = threading.Lock()
        self.max_concurrency = placement.parallel_count or self._options.max_concurrency
        self._context_tokens = self._options.context_tokens or placement.context_tokens
        if self._options.fault == "busy_load":
            keep_busy(self._options.load_delay_s)
        else:
            time.sleep(self._options.load_delay_s)
        if self._options.fault == "load_error":
            raise ModelFilesInvalid(f"Model {model.id!r} is damaged: the echo engine was told to say so (fault = 'load_error').")
        if self._options.fault == "crash_at_load":
            crash("the echo engine crashes while it loads, as it was told")
        self._ballast = b"\x01" * self._options.allocate_bytes  # not zeros: the kernel takes no memory for those

    @property
    def context_tokens(self) -> int | None:
        """What options or settings say."""
        return self._context_tokens

    def chat_template(self) -> str:
        """Marks roles so that the last user message is found again."""
        return prompt.TEMPLATE

    def count_tokens(self, text: str) -> int:
        """Count words."""
        return tokens.count(text)

    def generate(self, request: TextRequest, cancel: Cancel) -> Iterator[TextDelta]:
        """Yield one word after the other."""
        text = request.prompt if isinstance(request.prompt, str) else tokens.of_ids(request.prompt)
        prompt_tokens = len(request.prompt) if isinstance(request.prompt, tuple) else tokens.count(text)
        max_tokens = self._room(request, prompt_tokens)
        answer = tokens.split(self._answer(request, text))
        is_faulty, stop = self._faults.is_next_faulty(), threading.Event()
        cancel.on_set(stop.set)
        stop.wait(self._options.first_delay_s)
        for index, token in enumerate(answer[:max_tokens]):
            if index and self._options.delay_s:
                stop.wait(self._options.delay_s)
            if is_faulty and index == self._options.fault_after_tokens:
                self._faults.strike()
            if cancel.is_set:
                if is_faulty and self._options.fault == "ignore_cancel":
                    time.sleep(3600)
                return
            logprobs = () if request.top_logprobs is None else (_logprob(token, request.top_logprobs),)
            yield TextDelta(token, logprobs=logprobs, prompt_tokens=prompt_tokens)
        if is_faulty and self._options.fault_after_tokens >= len(answer[:max_tokens]):
            self._faults.strike()  # the answer was too short for it
        finish: Literal["stop", "length"] = "length" if len(answer) > max_tokens else "stop"
        yield TextDelta(token_count=0, finish=finish, prompt_tokens=prompt_tokens)

    def embed(self, inputs: Sequence[str | tuple[int, ...]], dimensions: int | None, cancel: Cancel) -> Vectors:
        """Return a vector for each input that depends on its text alone."""
        del cancel
        dimension = dimensions or self._options.dimension
        if dimension > self._options.dimension:
            raise UnsupportedParameter(
                f"dimensions is {dimension}, this model has {self._options.dimension}. Ask for at most that.", param="dimensions"
            )
        texts = [text if isinstance(text, str) else tokens.of_ids(text) for text in inputs]
        counts = [tokens.count(text) for text in texts]
        for count in counts:
            if self._context_tokens is not None and count > self._context_tokens:
                raise ContextLengthExceeded(prompt_tokens=count, context_tokens=self._context_tokens)
        rows = [_vector(text, self._options.dimension)[:dimension] for text in texts]
        data = float32_rows([_unit(row) for row in rows])
        return Vectors(data, len(rows), dimension, Usage(prompt_tokens=sum(counts)))

    def _room(self, request: TextRequest, prompt_tokens: int) -> int:
        wanted = request.sampling.max_tokens
        if self._context_tokens is None:
            return 1 << 30 if wanted is None else wanted
        left = self._context_tokens - prompt_tokens
        if left <= 0:
            raise ContextLengthExceeded(prompt_tokens=prompt_tokens, context_tokens=self._context_tokens, max_tokens=wanted)
        return left if wanted is None else min(wanted, left)

    def _answer(self, request: TextRequest, text: str) -> str:
        if request.json_schema is not None:
            try:
                return instance_of(request.json_schema)
            except (SchemaUnsupported, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                raise InvalidRequest(f"No answer fits this JSON schema: {error}.", param="response_format") from error
        with self._script_lock:
            scripted = next(self._script)
        if scripted is not None:
            return scripted
        return prompt.last_user_text(text) if self._options.reply is None else self._options.reply


def _logprob(token: str, top_count: int) -> TokenLogprob:
    chosen = tokens.logprob(token)
    others = [(token, chosen), *((f"{token}~{i}", chosen - i / 2) for i in range(1, top_count))][:top_count]
    top = tuple(TopLogprob(text, value, tuple(text.encode())) for text, value in others)
    return TokenLogprob(token, chosen, tuple(token.encode()), top)


def _vector(text: str, dimension: int) -> list[float]:
    digest = hashlib.shake_256(text.encode()).digest(4 * dimension)
    return [number / 2**31 - 1 for number in struct.unpack(f"<{dimension}I", digest)]


def _unit(row: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in row)) or 1.0
    return [value / length for value in row]
