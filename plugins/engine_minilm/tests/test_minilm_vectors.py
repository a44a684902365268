"""Vectors of a real model, against the same computed by hand."""

from __future__ import annotations

import shutil
import struct

import numpy as np
import onnxruntime
import pytest
from llmlb_engine_minilm.engine import MiniLMEngine
from llmlb_engine_minilm.words import OWN_VOCABULARY, read_words
from llmlb_testing.engines import loaded

from llmlb_core import Cancel, Placement, RerankRequest
from llmlb_core.errors import ContextLengthExceeded, InvalidRequest, ModelFilesInvalid, UnsupportedParameter

TEXTS = ("The cat sat on the mat.", "Stock prices fell sharply on Monday after the bank's report.", "Grüße aus Köln!", "?")

pytestmark = pytest.mark.model


def rows(vectors):
    """Vectors as an array."""
    return np.frombuffer(vectors.data, "<f4").reshape(vectors.count, vectors.dimension)


def by_hand(path, texts):
    """What sentence-transformers does, written out: one padded batch, the mean over the attention mask, unit length."""
    ids = read_words(path.parent, 30_522).ids(texts)
    mask = np.array([[1] * len(each) + [0] * (max(map(len, ids)) - len(each)) for each in ids])
    padded = np.array([each + [0] * (mask.shape[1] - len(each)) for each in ids])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (hidden,) = session.run(None, {"input_ids": padded, "attention_mask": mask, "token_type_ids": np.zeros_like(padded)})
    means = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def test_vectors_are_those_of_sentence_transformers(engine, minilm):
    """Pooling, mask and length: equal to the last digits of float32, padded batch or not."""
    vectors = engine.embed(TEXTS, None, Cancel())

    np.testing.assert_allclose(rows(vectors), by_hand(minilm, TEXTS), atol=2e-6)
    assert (4, 384) == (vectors.count, vectors.dimension)


def test_a_vector_does_not_depend_on_its_neighbours(engine):
    """Bit for bit: what was stored yesterday is found today, whatever came along with it."""
    together = rows(engine.embed(TEXTS, None, Cancel()))

    for index, text in enumerate(TEXTS):
        assert together[index].tobytes() == engine.embed([text], None, Cancel()).data


def test_tokens_are_counted_with_their_marks(engine):
    """``[CLS] what is this ? [SEP]``."""
    assert 6 == engine.embed(["What is this?"], None, Cancel()).usage.prompt_tokens


def test_token_ids_are_an_input(engine):
    """With or without the marks around them."""
    text = engine.embed(["hello world"], None, Cancel())

    assert text.data == engine.embed([(7592, 2088)], None, Cancel()).data
    assert text.data == engine.embed([(101, 7592, 2088, 102)], None, Cancel()).data


def test_token_ids_of_another_model_are_refused(engine):
    """LangChain sends those of an OpenAI model; vectors of wrong words would look like any others."""
    with pytest.raises(InvalidRequest, match=r"token id 30522 is none of this model's 30522.*check_embedding_ctx_length"):
        engine.embed([(7592, 30_522)], None, Cancel())


def test_an_input_is_never_cut(engine):
    """512 tokens fit, 513 do not; the numbers are in the error."""
    fits = engine.embed(["cat " * 510], None, Cancel())

    assert 512 == fits.usage.prompt_tokens
    with pytest.raises(ContextLengthExceeded, match="512 tokens, but the prompt has 513"):
        engine.embed(["short", "cat " * 511], None, Cancel())


def test_settings_lower_the_limit(minilm):
    """``context_tokens`` of the model's table."""
    with loaded(MiniLMEngine, path=minilm, placement=Placement(context_tokens=256)) as engine:
        assert 256 == engine.context_tokens


def test_vectors_are_cut_only_where_the_model_was_made_for_it(engine, minilm):
    """MiniLM was not; an operator who has a Matryoshka model says so."""
    with pytest.raises(UnsupportedParameter, match="not trained to be cut"):
        engine.embed(TEXTS, 128, Cancel())
    with loaded(MiniLMEngine, path=minilm, options={"truncate_dimensions": True}) as matryoshka:
        cut = rows(matryoshka.embed(TEXTS, 128, Cancel()))

    assert (4, 128) == cut.shape
    np.testing.assert_allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-6)


def test_the_nearest_text_is_the_one_about_the_same(engine):
    """A question finds its answer."""
    found = rows(engine.embed(["How do I bake bread?", "Knead flour and water, then bake.", "The train is late."], None, Cancel()))

    assert found[0] @ found[1] > found[0] @ found[2] + 0.3


def test_scores_are_cosines_between_0_and_1(engine):
    """(1 + cosine) / 2, as the README says."""
    vectors = rows(engine.embed(["a red fruit", "an apple", "a train"], None, Cancel()))

    ranking = engine.rerank(RerankRequest(query="a red fruit", documents=("an apple", "a train")), Cancel())

    assert pytest.approx([(1 + float(vectors[0] @ vectors[index])) / 2 for index in (1, 2)], abs=1e-6) == list(ranking.scores)


def test_a_cancel_ends_it_between_two_inputs(engine):
    """2,048 inputs do not hold a worker that nobody waits for."""
    cancel = Cancel()
    cancel.set()

    assert 0 == engine.embed(TEXTS, None, cancel).count


def test_a_models_own_vocabulary_goes_before_ours(minilm, tmp_path):
    """``vocab.txt`` beside the model; one that cannot be read is told."""
    shutil.copy(OWN_VOCABULARY, tmp_path / "vocab.txt")
    own = read_words(tmp_path, 30_522)
    (tmp_path / "tokenizer.json").write_text("{}")

    assert [[101, 7592, 102]] == own.ids(["hello"])
    with pytest.raises(ModelFilesInvalid, match="cannot be read"):
        read_words(tmp_path, 30_522)


def test_a_model_of_other_words_needs_its_own_vocabulary(tmp_path):
    """Ours would give vectors of nonsense."""
    with pytest.raises(
        ModelFilesInvalid, match=r"neither tokenizer\.json nor vocab\.txt.*30522 words where this model knows 250002"
    ):
        read_words(tmp_path, 250_002)


def test_weights_that_onnxruntime_refuses_are_told(write_onnx):
    """A header that looks right and no graph behind it."""
    with pytest.raises(ModelFilesInvalid, match="vocabulary"), loaded(MiniLMEngine, path=write_onnx()):
        pass
    path = write_onnx(tensors=(("embeddings.word_embeddings.weight", (30_522, 8), 3),))
    with pytest.raises(ModelFilesInvalid, match="onnxruntime cannot load"), loaded(MiniLMEngine, path=path):
        pass


def test_rows_are_packed_as_little_endian_float32(engine):
    """What the harness and the dialect read."""
    vectors = engine.embed(["a"], None, Cancel())

    assert pytest.approx(1, abs=1e-6) == sum(number**2 for number in struct.unpack("<384f", vectors.row(0)))
