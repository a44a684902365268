"""The engine ``minilm``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from llmlb_core import (
    Cancel,
    Capability,
    Device,
    EmbeddingEngine,
    Feature,
    Fit,
    LocalModel,
    ModelFacts,
    Placement,
    Ranking,
    RerankEngine,
    RerankRequest,
    Unfit,
    Usage,
    Vectors,
)
from llmlb_core.errors import ContextLengthExceeded, EngineFailed, ModelFilesInvalid, UnsupportedParameter
from llmlb_engine_minilm.encoder import Encoder
from llmlb_engine_minilm.format import OnnxFormat
from llmlb_engine_minilm.header import read_header
from llmlb_engine_minilm.options import MiniLMOptions
from llmlb_engine_minilm.words import Words, read_words

MAX_CONCURRENCY = 4
OVERHEAD_BYTES = 120 * 1024 * 1024


class MiniLMEngine(EmbeddingEngine, RerankEngine):
    """Runs BERT encoders in ONNX format: vectors of texts, and documents ranked by the cosine of their vectors."""

    name: ClassVar[str] = "minilm"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    supports: frozenset[Feature] = frozenset({"token_prompts", "dimensions"})
    options_class: ClassVar[type | None] = MiniLMOptions

    def __init__(self) -> None:
        """Hold nothing until ``load``."""
        self._encoder: Encoder | None = None
        self._words: Words | None = None
        self._dimension = 0
        self._context_tokens: int | None = None
        self._can_truncate = False

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Say whether such a model is a text encoder."""
        del devices
        if facts.format != "onnx":
            return Unfit(f"This engine reads ONNX files, and this model's format is {facts.format or 'not known'}.")
        if Capability.EMBEDDING not in facts.capabilities:
            return Unfit("The file is no text encoder: it has no input_ids and attention_mask, or no vector for each token.")
        # onnxruntime computes in float32 and unpacks narrower weights.
        memory = 4 * (facts.parameter_count or 0) + OVERHEAD_BYTES
        return Fit(0.8, memory, f"onnxruntime runs {facts.quantization or 'its weights'} on the CPU.")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Read the header, the vocabulary and the weights.

        Raises:
            ModelFilesInvalid: The file is missing, damaged or no text encoder, or its vocabulary is not known.
        """
        path = model.path
        if path is None:
            raise ModelFilesInvalid(f"Model {model.id!r} has no file; this engine needs one in ONNX format.")
        chosen = options if isinstance(options, MiniLMOptions) else MiniLMOptions()
        header, facts = read_header(path), OnnxFormat().read_facts(path)
        if facts.embedding_dimension is None:
            raise ModelFilesInvalid(f"{path.name} is no text encoder: its inputs are {', '.join(header.inputs) or 'none'}.")
        self._words = read_words(path.parent, header.rows_of("word_embedding") or 0)
        self._encoder = Encoder(path, placement.threads, chosen.pooling)
        self._dimension = facts.embedding_dimension
        self._can_truncate = chosen.truncate_dimensions
        wanted = placement.context_tokens or model.context_tokens
        limits = [limit for limit in (wanted, facts.context_tokens) if limit is not None]
        self._context_tokens = min(limits) if limits else None
        self.max_concurrency = placement.parallel_count or MAX_CONCURRENCY

    def unload(self) -> None:
        """Free the model."""
        self._encoder = self._words = None

    @property
    def context_tokens(self) -> int | None:
        """The longest input, its begin and end marks included."""
        return self._context_tokens

    def embed(self, inputs: Sequence[str | tuple[int, ...]], dimensions: int | None, cancel: Cancel) -> Vectors:
        """Return one vector of unit length per input."""
        dimension = self._checked_dimension(dimensions)
        rows, tokens = self._rows(inputs, cancel)
        if dimension != self._dimension:
            import numpy as np

            rows = rows[:, :dimension]
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return Vectors(rows.astype("<f4").tobytes(), len(rows), dimension, Usage(prompt_tokens=tokens))

    def rerank(self, request: RerankRequest, cancel: Cancel) -> Ranking:
        """Score each document by the cosine of its vector and the query's, from -1…1 to 0…1."""
        rows, tokens = self._rows((request.query, *request.documents), cancel)
        if cancel.is_set:
            return Ranking((), tokens)
        cosines = rows[1:] @ rows[0]
        return Ranking(tuple(min(1.0, max(0.0, (1 + float(cosine)) / 2)) for cosine in cosines), tokens)

    def _rows(self, inputs: Sequence[str | tuple[int, ...]], cancel: Cancel) -> tuple[Any, int]:
        """Return the vectors of *inputs* and how many tokens they have."""
        if self._encoder is None or self._words is None:
            raise EngineFailed("No model is loaded.")
        ids = self._words.ids(inputs)
        longest = max(map(len, ids), default=0)
        if self._context_tokens is not None and longest > self._context_tokens:
            raise ContextLengthExceeded(prompt_tokens=longest, context_tokens=self._context_tokens)
        return self._encoder.vectors(ids, cancel), sum(map(len, ids))

    def _checked_dimension(self, wanted: int | None) -> int:
        if wanted is None or wanted == self._dimension:
            return self._dimension
        if wanted > self._dimension:
            why = "ask for at most that"
        elif self._can_truncate:
            return wanted
        else:
            why = (
                "it was not trained to be cut (Matryoshka); leave 'dimensions' out, or set the option truncate_dimensions if it was"
            )
        raise UnsupportedParameter(f"dimensions is {wanted}, and this model has {self._dimension}: {why}.", param="dimensions")
