"""Rankings: the best documents first, in the shape of Jina's, Cohere's, vLLM's and llama.cpp's answers."""

from __future__ import annotations

from llmlb_core import Call, Ranking, Renderer, RerankRequest, Result
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.parts import JSON
from llmlb_dialect_openai.render.views import wants_documents
from llmlb_dialect_openai.text import dumps


class RerankAnswer(Renderer):
    """Writes one object when the ranking has come."""

    content_type = JSON

    def __init__(self, call: Call, model: str) -> None:
        """Remember who answers, and what was asked."""
        self._id = call.id
        self._model = model
        self._request = call.request
        self._shows_documents = wants_documents(call.body)
        self._ranking: Ranking | None = None

    def feed(self, result: Result) -> bytes:
        """Take the ranking."""
        if not isinstance(result, Ranking):
            raise EngineFailed(
                "The model answered with something else where a ranking was asked for; see the plugin that serves it."
            )
        self._ranking = result
        return b""

    def end(self) -> bytes:
        """Return the answer; of equal documents the first stays first.

        Raises:
            EngineFailed: No ranking came, or not of every document.
        """
        ranking, request = self._ranking, self._request
        if ranking is None or not isinstance(request, RerankRequest):
            raise EngineFailed("The answer ended before any ranking came; try the call again.")
        if len(ranking.scores) != len(request.documents):
            raise EngineFailed(
                f"The model scored {len(ranking.scores)} of {len(request.documents)} documents; see the plugin that serves it."
            )
        order = sorted(range(len(ranking.scores)), key=lambda index: -ranking.scores[index])
        results: list[dict[str, object]] = []
        for index in order[: request.top_n]:
            entry: dict[str, object] = {"index": index, "relevance_score": ranking.scores[index]}
            if self._shows_documents:
                entry["document"] = {"text": request.documents[index]}
            results.append(entry)
        return dumps(
            {
                "id": self._id,
                "object": "list",
                "model": self._model,
                "results": results,
                "usage": {"prompt_tokens": ranking.tokens, "total_tokens": ranking.tokens},
            }
        )

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)
