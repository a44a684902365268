"""The kit for engines that make embeddings."""

from __future__ import annotations

import math
import struct

import pytest

from llmlb_core import Cancel, EmbeddingEngine, EmbeddingRequest, LocalModel, ModelFacts, Vectors
from llmlb_core.errors import ContextLengthExceeded, UnsupportedParameter
from llmlb_testing.contracts.engine import EngineContract

INPUTS = ("the cat sat on the mat", "stock prices fell", "Grüße, 世界 🙂")
TOLERANCE = 1e-2


class EmbeddingEngineContract(EngineContract):
    """Rules of ``llmlb_core.EmbeddingEngine``. Needs a fixture ``engine``; see ``EngineContract``."""

    def test_there_is_one_vector_an_input(self, engine: EmbeddingEngine) -> None:
        """``count`` rows of ``dimension`` little-endian float32, all of them numbers."""
        vectors = engine.embed(INPUTS, None, Cancel())

        assert vectors.count == len(INPUTS)
        assert len(vectors.data) == vectors.count * vectors.dimension * 4
        assert all(math.isfinite(number) for row in _rows(vectors) for number in row)

    def test_vectors_have_unit_length(self, engine: EmbeddingEngine) -> None:
        """Clients compare by dot product, as they do with OpenAI's."""
        for row in _rows(engine.embed(INPUTS, None, Cancel())):
            assert math.hypot(*row) == pytest.approx(1, abs=1e-3)

    def test_vectors_are_in_input_order(self, engine: EmbeddingEngine) -> None:
        """The first row belongs to the first input, however they were batched."""
        forward = _rows(engine.embed(INPUTS, None, Cancel()))
        backward = _rows(engine.embed(INPUTS[::-1], None, Cancel()))[::-1]

        for first, second in zip(forward, backward, strict=True):
            assert sum(a * b for a, b in zip(first, second, strict=True)) == pytest.approx(1, abs=TOLERANCE)

    def test_different_texts_have_different_vectors(self, engine: EmbeddingEngine) -> None:
        """Else nothing can be found with them."""
        rows = _rows(engine.embed(INPUTS, None, Cancel()))

        assert rows[0] != rows[1]
        assert rows[1] != rows[2]

    def test_usage_counts_the_inputs(self, engine: EmbeddingEngine) -> None:
        """More inputs, more tokens; nothing is generated."""
        one = engine.embed(INPUTS[:1], None, Cancel()).usage
        all_of_them = engine.embed(INPUTS, None, Cancel()).usage

        assert 0 < one.prompt_tokens < all_of_them.prompt_tokens
        assert all_of_them.completion_tokens == 0

    def test_an_input_that_does_not_fit_is_told(self, engine: EmbeddingEngine) -> None:
        """``ContextLengthExceeded``; text cut in silence would be found under the wrong words."""
        if engine.context_tokens is None:
            pytest.skip("this engine has no limit of context")

        with pytest.raises(ContextLengthExceeded):
            engine.embed(["fits", "word " * (engine.context_tokens + 8)], None, Cancel())

    def test_shorter_vectors_have_unit_length_too(self, engine: EmbeddingEngine) -> None:
        """``dimensions`` in ``supports``: cut, and of unit length again, or refused where the model was not made for it.

        Longer than the model's own is always refused.
        """
        if "dimensions" not in engine.supports:
            pytest.skip("'dimensions' is not in supports")
        whole = engine.embed(INPUTS, None, Cancel()).dimension

        try:
            cut = engine.embed(INPUTS, whole // 2, Cancel())
        except UnsupportedParameter as error:
            assert error.param == "dimensions"  # noqa: PT017  # it may be done as well
        else:
            assert cut.dimension == whole // 2
            assert all(math.hypot(*row) == pytest.approx(1, abs=1e-3) for row in _rows(cut))
        with pytest.raises(UnsupportedParameter):
            engine.embed(INPUTS, whole + 1, Cancel())

    @pytest.mark.asyncio
    async def test_a_request_goes_through_the_harness(self, engine: EmbeddingEngine) -> None:
        """One result, with everything: what a client sees."""
        from llmlb_core.worker.generation import generate

        model = LocalModel("test-model", ModelFacts(format=(engine.formats or ("",))[0]))
        found = [each async for each in generate(engine, model, EmbeddingRequest(inputs=INPUTS), Cancel())]

        assert [each.count for each in found if isinstance(each, Vectors)] == [len(INPUTS)]


def _rows(vectors: Vectors) -> list[tuple[float, ...]]:
    return [struct.unpack(f"<{vectors.dimension}f", vectors.row(index)) for index in range(vectors.count)]
