"""The kit for engines that put documents in order."""

from __future__ import annotations

import pytest

from llmlb_core import Cancel, LocalModel, ModelFacts, Ranking, RerankEngine, RerankRequest
from llmlb_core.errors import ContextLengthExceeded
from llmlb_testing.contracts.engine import EngineContract

QUERY = "Which fruit is red?"
DOCUMENTS = ("The train leaves at nine.", "An apple is a red fruit.", "Stock prices fell.")
TOLERANCE = 1e-2


class RerankEngineContract(EngineContract):
    """Rules of ``llmlb_core.RerankEngine``. Needs a fixture ``engine``; see ``EngineContract``."""

    def test_there_is_one_score_a_document(self, engine: RerankEngine) -> None:
        """In the order of the request, whatever ``top_n`` is: the dialect sorts and cuts."""
        scores = _rank(engine, DOCUMENTS, top_n=1).scores

        assert len(scores) == len(DOCUMENTS)

    def test_scores_lie_between_0_and_1(self, engine: RerankEngine) -> None:
        """Clients cut by a threshold; 1 is best."""
        assert all(0 <= score <= 1 for score in _rank(engine, DOCUMENTS).scores)

    def test_what_answers_the_query_is_best(self, engine: RerankEngine) -> None:
        """Nothing clever: one document is about the query, the others are not."""
        scores = _rank(engine, DOCUMENTS).scores

        assert max(scores) == scores[1]

    def test_a_documents_score_does_not_depend_on_its_neighbours(self, engine: RerankEngine) -> None:
        """However they were batched."""
        forward = _rank(engine, DOCUMENTS).scores
        backward = _rank(engine, DOCUMENTS[::-1]).scores[::-1]
        alone = _rank(engine, DOCUMENTS[1:2]).scores

        assert forward == pytest.approx(backward, abs=TOLERANCE)
        assert alone[0] == pytest.approx(forward[1], abs=TOLERANCE)

    def test_tokens_are_counted(self, engine: RerankEngine) -> None:
        """More documents, more tokens."""
        assert 0 < _rank(engine, DOCUMENTS[:1]).tokens < _rank(engine, DOCUMENTS).tokens

    def test_a_document_that_does_not_fit_is_told(self, engine: RerankEngine) -> None:
        """``ContextLengthExceeded``; a document cut in silence would be judged by its beginning."""
        if engine.context_tokens is None:
            pytest.skip("this engine has no limit of context")

        with pytest.raises(ContextLengthExceeded):
            _rank(engine, ("fits", "word " * (engine.context_tokens + 8)))

    @pytest.mark.asyncio
    async def test_a_ranking_goes_through_the_harness(self, engine: RerankEngine) -> None:
        """One result: what the dialect renders."""
        from llmlb_core.worker.generation import generate

        model = LocalModel("test-model", ModelFacts(format=(engine.formats or ("",))[0]))
        request = RerankRequest(query=QUERY, documents=DOCUMENTS)
        found = [each async for each in generate(engine, model, request, Cancel())]

        assert [len(each.scores) for each in found if isinstance(each, Ranking)] == [len(DOCUMENTS)]


def _rank(engine: RerankEngine, documents: tuple[str, ...], top_n: int | None = None) -> Ranking:
    return engine.rerank(RerankRequest(query=QUERY, documents=documents, top_n=top_n), Cancel())
