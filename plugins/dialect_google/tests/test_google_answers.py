"""Answers that are not as the reference has them, counts, vectors, lists and errors."""

from __future__ import annotations

import json
import struct

import msgspec
import pytest
from llmlb_testing.providers.google import error, event, response

from llmlb_core import Capability, ChatRequest, CountRequest, EmbeddingRequest, Refusal, Usage

CHAT = ChatRequest(messages=())
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}


def read(dialect, *chunks, n=1):
    reader = dialect.answer(ChatRequest(messages=(), n=n), stream=True)
    for chunk in chunks:
        reader.read(chunk)
    return reader


def texts(reader):
    return "".join(result.text for result in reader.results)


def test_bytes_go_nowhere_but_are_returned_where_they_brought_something(dialect):
    """So that the exchange knows of content, and of silence."""
    reader = dialect.answer(CHAT, stream=True)
    first = event(response({"text": "a"}))

    assert [b"", first, b""] == [reader.read(b": ping\n\n"), reader.read(first), reader.read(event({"modelVersion": "m"}))]
    assert reader.has_content


@pytest.mark.parametrize("blank", [b"\r\n\r\n", b"\n\n"])
def test_several_events_at_once_are_several(dialect, blank):
    """However they are cut; data may stand in several lines."""
    events = [event(response({"text": text})).strip() for text in "abc"]
    many = b'data: {"candidates": [{"content": {\r\ndata: "parts": [{"text": "d"}]}, "finishReason": "STOP"}]}'

    reader = read(dialect, blank.join([*events, many]) + blank)

    assert ("abcd", True, False) == (texts(reader), reader.is_finished, reader.is_flowing)


def test_nothing_after_the_end_is_told(dialect):
    """Usage is there once."""
    last = event(response({"text": "a"}, finish="STOP"))

    reader = read(dialect, last, last)

    assert ("a", 1) == (texts(reader), sum(result.usage is not None for result in reader.results))
    assert Usage(4, 2) == reader.usage


def test_fewer_choices_than_were_asked_for_are_whole_at_a_certain_end(dialect):
    """And usage is told then."""
    reader = read(dialect, event(response({"text": "a"}, finish="STOP")), n=2)

    assert not reader.is_finished
    assert not reader.ends(is_certain=False)
    assert reader.ends(is_certain=True)
    assert b"" == reader.end()
    assert Usage(4, 2) == reader.results[-1].usage


def test_a_stream_without_an_end_is_cut(dialect):
    """A polite end of the connection does not make it whole."""
    reader = read(dialect, event(response({"text": "a"})))

    assert not reader.ends(is_certain=True)
    assert not read(dialect).ends(is_certain=True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"data: {\n\n", "no GenerateContentResponse"),
        (b"data: \xff\n\n", "no GenerateContentResponse"),
        (b'data: {"candidates": 7}\n\n', "expected `array | null`, got `int`|Expected `array | null`, got `int`"),
        (b'data: {"candidates": [{"index": 1e99}]}\n\n', "no GenerateContentResponse"),
        (event(response({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})), "answered with image/png"),
        (event(response(finish="UNEXPECTED_TOOL_CALL")), "UNEXPECTED_TOOL_CALL"),
    ],
)
def test_what_is_no_answer_is_a_fault_that_says_what_was_seen(dialect, data, words):
    """Nothing follows it."""
    reader = read(dialect, data, event(response({"text": "late"}, finish="STOP")))

    assert reader.fault is not None
    assert any(each in reader.fault.problem for each in words.split("|"))
    assert ("", False, False) == (texts(reader), reader.is_finished, reader.is_flowing)


@pytest.mark.parametrize("listed", [False, True])
def test_an_error_within_a_stream_is_the_servers_own(dialect, listed):
    """As an object, or as the list in which streams without events tell it."""
    told = error(503, "overloaded", "UNAVAILABLE")

    reader = read(dialect, event(response({"text": "a"})), event([told] if listed else told))

    assert reader.fault is not None
    assert reader.fault.error is not None
    assert Refusal("overloaded", type="UNAVAILABLE", status=503) == dialect.read_refusal(200, {}, reader.fault.error)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("[]", "no GenerateContentResponse"),
        ("{}", "neither 'candidates'"),
        (json.dumps(error(500, "no")), "with an error"),
        (json.dumps(response(finish="MALFORMED_RESPONSE")), "MALFORMED_RESPONSE"),
    ],
)
def test_a_plain_answer_that_is_none_says_what_it_is(dialect, document, words):
    """It is never half an answer."""
    with pytest.raises(ValueError, match=words):
        dialect.answer(CHAT, stream=False).read_plain(document.encode())


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("RECITATION", "content_filter"), ("SPII", "content_filter"), ("NEW", "stop")],
)
def test_reasons_are_translated(dialect, reason, finish):
    """One that is not known is an end like any other."""
    assert [finish] == [result.finish for result in read(dialect, event(response(finish=reason))).results[:1]]


def test_a_call_without_an_id_gets_one(dialect):
    """Each another; arguments that are absent or null are none."""
    calls = [{"functionCall": {"name": "look"}}, {"functionCall": {"name": "look", "args": None}}]

    results = read(dialect, event(response(*calls, finish="STOP"))).results
    first, second = (result.tool_calls[0] for result in results[:2])

    assert ("{}", "{}", 0, 1) == (first.arguments, second.arguments, first.index, second.index)
    assert first.id
    assert second.id
    assert first.id != second.id


def test_tokens_are_counted(dialect):
    """One delta, which has nothing but usage."""
    reader = dialect.answer(CountRequest(chat=CHAT), stream=False)

    reader.read_plain(b'{"totalTokens": 31, "cachedContentTokenCount": 5}')

    assert [Usage(31, cached_tokens=5)] == [result.usage for result in reader.results]
    with pytest.raises(ValueError, match="CountTokensResponse"):
        dialect.answer(CountRequest(chat=CHAT), stream=False).read_plain(b"{}")


def test_vectors_are_made_as_long_as_one(dialect):
    """Google does not do that with shortened ones."""
    reader = dialect.answer(EmbeddingRequest(inputs=("a", "b")), stream=False)

    reader.read_plain(b'{"embeddings": [{"values": [3, 4]}, {"values": [0, 0]}], "usageMetadata": {"promptTokenCount": 5}}')

    (vectors,) = reader.results
    assert (2, 2, Usage(5)) == (vectors.count, vectors.dimension, vectors.usage)
    assert [0.6, 0.8, 0.0, 0.0] == pytest.approx(struct.unpack("<4f", vectors.data))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ('{"embeddings": [{"values": [1]}]}', "1 vectors to 2 inputs"),
        ('{"embeddings": [{"values": [1]}, {"values": [1, 2]}]}', r"\[1, 2\] numbers"),
        ('{"embeddings": [{"values": []}, {"values": []}]}', r"\[0\] numbers"),
        ('{"embedding": {}}', "BatchEmbedContentsResponse"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(dialect, document, words):
    """None is given to the wrong input."""
    with pytest.raises(ValueError, match=words):
        dialect.answer(EmbeddingRequest(inputs=("a", "b")), stream=False).read_plain(document.encode())


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (400, error(400, "API key not valid.", details=[BAD_KEY]), (401, "INVALID_ARGUMENT", "API_KEY_INVALID", None)),
        (400, error(400, "Please enable billing.", "FAILED_PRECONDITION"), (402, "FAILED_PRECONDITION", "", None)),
        (400, error(400, "User location is not supported.", "FAILED_PRECONDITION"), (403, "FAILED_PRECONDITION", "", None)),
        (429, error(429, "Quota.", "RESOURCE_EXHAUSTED", [{"retryDelay": "34.5s"}]), (429, "RESOURCE_EXHAUSTED", "", 34.5)),
        (503, [error(503, "Overloaded.", "UNAVAILABLE")], (503, "UNAVAILABLE", "", None)),
        (404, error(404, "no model", "NOT_FOUND", [{"retryDelay": {"odd": 1}}]), (404, "NOT_FOUND", "", None)),
    ],
)
def test_error_documents_say_what_they_mean(dialect, status, document, expected):
    """A key that is wrong comes as 400; so that another one is tried, it is 401."""
    told = dialect.read_refusal(status, {}, json.dumps(document, indent=2).encode())

    assert told is not None
    assert expected == (told.status, told.type, told.code, told.retry_after_s)


def test_an_error_names_the_field_that_it_is_about(dialect):
    """In the provider's words."""
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "generation_config.top_k"}]}]

    told = dialect.read_refusal(400, {}, json.dumps(error(400, "too large", details=details)).encode())

    assert (400, "generation_config.top_k", "too large") == (told.status, told.param, told.message)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"null", b'{"error": 7}', b"\xff", b"[" * 100_000])
def test_other_documents_are_none_of_this_dialect(dialect, body):
    """Reading them never fails."""
    assert dialect.read_refusal(500, {}, body) is None


def test_an_error_document_that_was_cut_still_has_its_message(dialect):
    """Only so much of it is read."""
    body = json.dumps(error(400, 'a "quoted" word', details=[BAD_KEY] * 50), indent=2).encode()[:400]

    assert 'a "quoted" word' == dialect.read_refusal(400, {}, body).message


async def test_models_are_listed_page_by_page(dialect):
    """Those that neither speak nor embed are left out; prefixes of names, too."""

    class Listing:
        asked = ()

        async def get_json(self, path, shape):
            self.asked += (path,)
            is_last = "pageToken" in path
            model = {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]}
            if not is_last:
                model = {"name": "models/gemini-2.5-pro", "inputTokenLimit": 9, "supportedGenerationMethods": ["generateContent"]}
            other = {"name": "models/imagen-4", "supportedGenerationMethods": ["predict"]}
            return msgspec.convert({"models": [model, other], **({} if is_last else {"nextPageToken": "a/b"})}, shape)

    server = Listing()

    pro, embedding = await dialect.list_models(server)

    assert ("/models?pageSize=1000", "/models?pageSize=1000&pageToken=a%2Fb") == server.asked
    assert ("gemini-2.5-pro", 9, (Capability.TEXT_GENERATION, Capability.VISION)) == (pro.id, pro.context_tokens, pro.capabilities)
    assert ("gemini-embedding-001", (Capability.EMBEDDING,), "google") == (embedding.id, embedding.capabilities, embedding.owned_by)
