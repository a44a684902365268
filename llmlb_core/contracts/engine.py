"""Engines: code that runs a model, in a worker process of its own.

An author writes what the model does; the worker harness (``llmlb_core.worker``) does chat templates, stop strings, tool-call
and reasoning parsing, JSON constraints, usage, cancellation, time-outs and the process itself.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from attrs import define, field, frozen

from llmlb_core.domain.chat import Sampling
from llmlb_core.domain.devices import Device
from llmlb_core.domain.models import Fit, LocalModel, ModelFacts, Placement, Unfit
from llmlb_core.domain.results import TokenLogprob, Vectors

Feature = Literal[
    "json_schema", "logprobs", "seed", "logit_bias", "penalties", "token_prompts", "echo_logprobs", "suffix", "images", "dimensions"
]


@define
class Cancel:
    """Tells running engine code that nobody wants its result any more. Safe from any thread."""

    _event: threading.Event = field(factory=threading.Event, init=False)
    _callbacks: list[Callable[[], None]] = field(factory=list, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    @property
    def is_set(self) -> bool:
        """Look at this between tokens; stop when true."""
        return self._event.is_set()

    def set(self) -> None:
        """Cancel; runs the callbacks, each once, in this thread."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_set(self, callback: Callable[[], None]) -> None:
        """Call *callback* when cancelled, at once if that was before. For libraries that must be told to stop."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()


class Engine(ABC):
    """Runs models of some formats.

    Importing the module that defines an engine is cheap: heavy libraries are imported in ``load``, which runs in the worker.

    Attributes:
        name: Unique among engines, lower case.
        formats: Model formats it reads, such as ``("gguf",)``; empty for an engine without files.
        max_concurrency: How many calls it takes at a time; ``load`` may set it on the instance.
        supports: Features it has; the core answers 400 for a call that needs another. ``load`` may set it on the instance.
        options_class: attrs class of ``[models."x".options]``; checked in the server before a worker starts. None = no options.
    """

    name: ClassVar[str]
    formats: ClassVar[tuple[str, ...]] = ()
    supports: frozenset[Feature] = frozenset()
    options_class: ClassVar[type | None] = None
    max_concurrency: int = 1

    @classmethod
    @abstractmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Say whether and how well this engine runs such a model here. Called in the server: no heavy import, no I/O."""

    @abstractmethod
    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Load *model*. Called once, in the worker, before any other method; may take minutes.

        Args:
            model: Files and facts.
            placement: Devices, threads and context to use.
            options: An instance of ``options_class``, or None.

        Raises:
            ModelFilesInvalid: The files are missing or damaged.
            ModelTooLarge: It does not fit into memory.
        """

    def unload(self) -> None:
        """Give everything back; the process ends after it anyway."""

    @property
    def context_tokens(self) -> int | None:
        """The context of one sequence as loaded, or None for no limit."""
        return None


@frozen(kw_only=True)
class TextRequest:
    """One sequence to generate, with everything already decided by the harness.

    Attributes:
        prompt: Rendered by the chat template, or raw; or token ids where the engine ``supports`` ``token_prompts``.
        suffix: Text that follows what is generated; only where ``supports`` has ``suffix``.
        add_special: Whether the tokenizer adds its own begin token (not where the template wrote it).
        sampling: ``max_tokens`` is always set.
        stop: The harness enforces these; an engine may stop earlier by them.
        top_logprobs: None = no log probabilities; else how many alternatives per token.
        json_schema: The text must be JSON that fits this JSON schema; only where ``supports`` has ``json_schema``.
        images: Image files, one for each ``image_mark`` in the prompt, in order; only where ``supports`` has ``images``.
        image_mark: What stands in the prompt, which is text, where an image belongs.
        sequence: Tells the ``n`` sequences of one call apart (mix it into a seed).
    """

    prompt: str | tuple[int, ...]
    suffix: str | None = None
    add_special: bool = True
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    json_schema: str | None = None
    images: tuple[bytes, ...] = field(default=(), repr=False)
    image_mark: str = ""
    sequence: int = 0


@frozen
class TextDelta:
    """What an engine yields: usually one token.

    Attributes:
        text: ``str`` is whole characters; ``bytes`` may end within one, the harness joins them.
        token_count: How many tokens this is.
        logprobs: One entry a token, where asked for.
        finish: On the last delta: ``stop`` for an end token or stop string, ``length`` at ``max_tokens`` or a full context.
        prompt_tokens: On any delta: how many tokens the prompt has; the harness counts where it is never told.
        cached_tokens: On any delta: how many of them came from a cache.
    """

    text: str | bytes = ""
    token_count: int = 1
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: Literal["stop", "length"] | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None


class TextEngine(Engine):
    """Generates text."""

    @abstractmethod
    def generate(self, request: TextRequest, cancel: Cancel) -> Iterator[TextDelta] | AsyncIterator[TextDelta]:
        """Yield the continuation of ``request.prompt``.

        A plain iterator runs in a thread of its own, up to ``max_concurrency`` at a time; an async one on the worker's loop.
        Stop soon after ``cancel.is_set``; a worker that does not within 1 s is killed.

        Raises:
            ContextLengthExceeded: The prompt does not fit.
            InvalidRequest: The request cannot be done, with the reason.
        """

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Count tokens as the model's own tokenizer does."""

    def chat_template(self) -> str | None:
        """The Jinja source that the loaded model carries; None = what its header facts said."""
        return None


class EmbeddingEngine(Engine):
    """Turns text into vectors."""

    @abstractmethod
    def embed(self, inputs: Sequence[str | tuple[int, ...]], dimensions: int | None, cancel: Cancel) -> Vectors:
        """Return one vector per input, in input order, rows of unit length, with usage.

        Raises:
            ContextLengthExceeded: An input is longer than the model reads.
            UnsupportedParameter: ``dimensions`` is not possible with this model.
        """


def float32_rows(rows: Sequence[Sequence[float]]) -> bytes:
    """Pack rows of numbers as ``Vectors.data``."""
    from array import array
    from sys import byteorder

    flat = array("f")
    for row in rows:
        flat.extend(row)
    if byteorder != "little":
        flat.byteswap()
    return flat.tobytes()


EngineOptions = Mapping[str, object]
