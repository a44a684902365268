from __future__ import annotations

import asyncio
import threading
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from llmlb_engine_llamacpp.engine import LlamaCppEngine
from llmlb_engine_llamacpp.options import LlamaCppOptions

from llmlb_core import Cancel, LocalModel, Placement, TextDelta, Vectors
from llmlb_core.errors import ContextLengthExceeded, EngineFailed, InvalidRequest, UnsupportedParameter

pytestmark = pytest.mark.model

SENTENCES = ("How do I bake bread at home?", "What is the way to bake bread at home?", "def main():\n    return 1")


def test_vectors_have_unit_length_and_similar_sentences_are_near(engine: LlamaCppEngine) -> None:
    """One row per input, in order; meaning decides the distance."""
    vectors = engine.embed(SENTENCES, None, Cancel())

    rows = _rows(vectors)
    assert (3, 576, 3 * 576 * 4) == (vectors.count, vectors.dimension, len(vectors.data))
    assert [1.0] * 3 == pytest.approx([_dot(row, row) for row in rows], abs=1e-5)
    assert _dot(rows[0], rows[1]) > _dot(rows[0], rows[2])


def test_usage_counts_the_tokens_of_all_inputs(engine: LlamaCppEngine) -> None:
    """Prompt tokens are the sum over the inputs, by the model's tokenizer."""
    vectors = engine.embed(SENTENCES, None, Cancel())

    assert sum(map(engine.count_tokens, SENTENCES)) == vectors.usage.prompt_tokens


def test_token_ids_embed_as_their_text(engine: LlamaCppEngine) -> None:
    """An input may be token ids; many inputs keep their order over several batches."""
    tokens = tuple(engine._loaded().tokenize(SENTENCES[0], add_special=True))

    rows = _rows(engine.embed([*["filler"] * 5, tokens, SENTENCES[0]], None, Cancel()))

    assert _dot(rows[5], rows[6]) == pytest.approx(1, abs=1e-3)
    assert _dot(rows[0], rows[4]) == pytest.approx(1, abs=1e-3)
    assert _dot(rows[0], rows[6]) < 0.99


@pytest.mark.parametrize("empty", ["", ()])
def test_empty_input_is_named(engine: LlamaCppEngine, empty: str | tuple[int, ...]) -> None:
    """Which of the inputs is empty stands in ``param``."""
    with pytest.raises(InvalidRequest, match="Input 1 is empty") as caught:
        engine.embed(["a", empty], None, Cancel())

    assert "input[1]" == caught.value.param


def test_input_beyond_the_context_says_both_numbers(engine: LlamaCppEngine) -> None:
    """An input that is too long is refused, never cut."""
    with pytest.raises(ContextLengthExceeded) as caught:
        engine.embed(["word " * 600], None, Cancel())

    assert {"prompt_tokens": 601, "context_tokens": 512} == caught.value.extras


def test_longest_input_is_read(engine: LlamaCppEngine) -> None:
    """An input as long as the limit gives a vector."""
    vectors = engine.embed([(5,) * 512], None, Cancel())

    assert (1, 512) == (vectors.count, vectors.usage.prompt_tokens)


def test_dimensions_are_the_models_own_unless_it_was_trained_for_less(engine: LlamaCppEngine) -> None:
    """576 is what this model has; 100 would be a vector without meaning."""
    whole = engine.embed(["a"], 576, Cancel())

    with pytest.raises(UnsupportedParameter, match="576 dimensions, and 100 are asked for"):
        engine.embed(["a"], 100, Cancel())

    assert 576 == whole.dimension


def test_cancel_ends_embedding_within_a_second(engine: LlamaCppEngine) -> None:
    """Nothing waits for the inputs that llama.cpp still reads."""
    cancel = Cancel()
    threading.Timer(0.2, cancel.set).start()
    began_at = time.monotonic()

    vectors = engine.embed([(5,) * 512] * 40, None, cancel)

    assert time.monotonic() - began_at < 1.2
    assert vectors.count < 40
    assert vectors.usage.is_partial


async def test_text_and_vectors_at_a_time(engine: LlamaCppEngine, ask: Callable[..., Awaitable[list[TextDelta]]]) -> None:
    """One loaded model answers both kinds of call side by side."""
    prompt = "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n"

    vectors, deltas = await asyncio.gather(asyncio.to_thread(engine.embed, SENTENCES, None, Cancel()), ask(prompt))

    assert 3 == vectors.count
    assert "The answer is: 4" == "".join(str(delta.text) for delta in deltas)


def test_options_choose_pooling_and_allow_shorter_vectors(starter_model: Path, local_model: Callable[[Path], LocalModel]) -> None:
    """``embedding`` alone makes a text model embed; ``truncate_dimensions`` cuts and normalises again."""
    engine = LlamaCppEngine()
    options = LlamaCppOptions(embedding=True, pooling="last", truncate_dimensions=True)
    engine.load(local_model(starter_model), Placement(threads=1, context_tokens=256, parallel_count=1), options)

    try:
        cut, whole = (_rows(engine.embed([SENTENCES[0]], dimensions, Cancel()))[0] for dimensions in (64, None))
        with pytest.raises(UnsupportedParameter, match="576 dimensions, not 1000"):
            engine.embed(["a"], 1000, Cancel())
    finally:
        engine.unload()

    assert 64 == len(cut)
    assert 1 == pytest.approx(_dot(cut, cut), abs=1e-5)
    assert cut[0] / whole[0] == pytest.approx(cut[9] / whole[9], rel=1e-4)


def test_text_model_refuses_to_embed_and_says_what_to_set(starter_model: Path, local_model: Callable[[Path], LocalModel]) -> None:
    """A model loaded for text names the setting."""
    engine = LlamaCppEngine()
    engine.load(local_model(starter_model), Placement(threads=1, context_tokens=256, parallel_count=1), LlamaCppOptions())

    try:
        with pytest.raises(EngineFailed, match="embedding = true"):
            engine.embed(["a"], None, Cancel())
    finally:
        engine.unload()


def _rows(vectors: Vectors) -> list[array[float]]:
    rows = [array("f", vectors.row(index)) for index in range(vectors.count)]
    assert len(rows) == vectors.count
    return rows


def _dot(one: array[float], other: array[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
