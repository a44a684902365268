"""Rankings: bodies of ``/v1/rerank``, and answers to them."""

from __future__ import annotations

import json

import pytest

from llmlb_core import Delta, Ranking, RerankRequest
from llmlb_core.errors import EngineFailed, InvalidRequest

PATH = "/v1/rerank"
BODY = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}, "c"]}


def test_documents_are_texts_or_objects_with_one(decode):
    """Both forms, mixed; what nothing reads is named."""
    decoded = decode(PATH, {**BODY, "top_n": 2, "return_documents": True, "max_chunks_per_doc": 3})

    assert RerankRequest(query="q", documents=("a", "b", "c"), top_n=2) == decoded.request
    assert ("max_chunks_per_doc",) == decoded.ignored


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"query": None}, "query"),
        ({"query": " "}, "query"),
        ({"query": ["q"]}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", 1]}, "documents[1]"),
        ({"documents": ["a", {"title": "b"}]}, "documents[1].text"),
        ({"documents": ["a"] * 2049}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "2"}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"stream": True}, "stream"),
    ],
)
def test_what_is_no_request_is_refused(decode, change, param):
    """The error names the member."""
    with pytest.raises(InvalidRequest) as caught:
        decode(PATH, {**BODY, **change})

    assert param == caught.value.param


def test_the_best_documents_come_first(render):
    """Sorted by score, cut to ``top_n``, with the index that each has in the request; equal ones stay in order."""
    answer = json.loads(render(PATH, {**BODY, "top_n": 2}, [Ranking((0.5, 0.25, 0.5), 9)]))

    assert [{"index": 0, "relevance_score": 0.5}, {"index": 2, "relevance_score": 0.5}] == answer["results"]
    assert ("served", {"prompt_tokens": 9, "total_tokens": 9}) == (answer["model"], answer["usage"])


def test_documents_come_back_where_they_are_asked_for(render):
    """As objects with their text, whatever form they came in."""
    answer = json.loads(render(PATH, {**BODY, "return_documents": True}, [Ranking((0.1, 0.9, 0.2))]))

    assert [{"text": "b"}, {"text": "c"}, {"text": "a"}] == [result["document"] for result in answer["results"]]


def test_something_else_than_a_ranking_is_an_engine_failure(render):
    """A plugin's mistake is named."""
    with pytest.raises(EngineFailed, match="a ranking was asked for"):
        render(PATH, BODY, [Delta(text="a")])
    with pytest.raises(EngineFailed, match="before any ranking"):
        render(PATH, BODY, [])
    with pytest.raises(EngineFailed, match="scored 1 of 3 documents"):
        render(PATH, BODY, [Ranking((0.1,))])
