"""The kit for kinds of servers."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import json
import re
from typing import ClassVar

import pytest

from llmlb_core import Answer, Capability, EndpointKind, RemoteModel, Report
from llmlb_core.errors import CallError, KeyRefused, ServerError, ServerUnreachable
from llmlb_testing.recorded import KEY, NOT_FOUND, PAGE, RecordedServer

MOST_QUESTIONS = 8
APIS = frozenset(
    (
        *("chat_completions", "completions", "responses", "embeddings", "rerank", "audio_transcriptions", "audio_speech"),
        *("images_generations", "images_edits", "images_variations"),
    )
)
NASTY_JSON = (b"null", b"[]", b"{}", b'""', b"7", b'{"data": null}', b'{"data": [null, 7, {"id": 7}]}', b"[" * 5000, b"\xff", b"")
_GENERATES = re.compile(r"POST /v1/(chat/)?(completions|embeddings|images|audio)")
_LISTED = {"json": {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "somebody"}]}}
STRANGERS: dict[str, dict[str, object]] = {
    "an OpenAI-compatible server that nobody knows": RecordedServer({"GET /v1/models": _LISTED}).answers,
    "a server with pages of its own, all of them `{}`": {f"GET {path}": {"json": {}} for path in ("/health", "/version", "/props")},
}


class EndpointKindContract:
    """Rules of ``llmlb_core.EndpointKind``.

    Needs the fixtures ``kind`` and ``server``: a ``llmlb_testing.recorded.RecordedServer`` with answers of a real one.

    Attributes:
        is_generic: Set it for a kind that takes every OpenAI-compatible server.
    """

    is_generic: ClassVar[bool] = False

    def test_only_questions_are_async(self, kind: EndpointKind) -> None:
        """``detect``, ``list_models``, ``check`` and ``find_responses`` wait; ``read_error`` is called within a call."""
        for method in (kind.detect, kind.list_models, kind.check, kind.find_responses):
            assert inspect.iscoroutinefunction(method), f"{method.__name__} is 'def'; write 'async def'"
        assert not inspect.iscoroutinefunction(kind.read_error), "read_error is 'async def'; write 'def'"

    def test_it_says_how_many_calls_it_takes(self, kind: EndpointKind) -> None:
        """An endpoint of which nothing else is known gets this many at a time."""
        assert isinstance(kind.default_max_in_flight, int)
        assert kind.default_max_in_flight >= 1

    @pytest.mark.asyncio
    async def test_it_knows_its_own_server(self, kind: EndpointKind, server: RecordedServer) -> None:
        """With a few questions: every kind is asked when an endpoint is added."""
        assert await kind.detect(server) is True
        assert len(server.asked) <= MOST_QUESTIONS, server.asked

    @pytest.mark.asyncio
    @pytest.mark.parametrize("stranger", STRANGERS)
    async def test_it_takes_no_stranger(self, kind: EndpointKind, stranger: str) -> None:
        """A wrong kind is worse than the generic one: it counts slots and reads load that are not there."""
        if self.is_generic:
            pytest.skip("this kind takes every OpenAI-compatible server")

        assert await kind.detect(RecordedServer(STRANGERS[stranger])) is False

    @pytest.mark.asyncio
    async def test_a_web_page_is_no_server(self, kind: EndpointKind) -> None:
        """A web server that answers 200 and a page to every path is of no kind."""
        assert await kind.detect(RecordedServer(otherwise=PAGE)) is False

    @pytest.mark.asyncio
    async def test_its_models_can_be_used(self, kind: EndpointKind, server: RecordedServer) -> None:
        """Each once, with a name that calls can use, a context above 0 and known capabilities; None for what is not told."""
        models = await kind.list_models(server)

        assert all(isinstance(each, RemoteModel) and each.id for each in models)
        assert len({each.id for each in models}) == len(models), "a model is listed twice"
        for each in models:
            assert each.context_tokens is None or each.context_tokens > 0
            assert each.capabilities is None or (each.capabilities and all(isinstance(c, Capability) for c in each.capabilities))
            assert each.apis is None or set(each.apis) <= APIS, each.apis
            assert each.max_in_flight is None or each.max_in_flight >= 1

    @pytest.mark.asyncio
    async def test_its_health_is_asked_cheaply(self, kind: EndpointKind, server: RecordedServer) -> None:
        """Every half minute, so with a few questions; the numbers make sense."""
        if kind.is_passive:
            pytest.skip("nothing can be asked about this kind's health")

        report = await kind.check(server)

        assert isinstance(report, Report)
        assert len(server.asked) <= MOST_QUESTIONS, server.asked
        assert all(count is None or count >= 0 for count in (report.active_count, report.waiting_count))
        assert report.max_in_flight is None or report.max_in_flight >= 1

    @pytest.mark.asyncio
    async def test_it_never_makes_a_server_work(self, kind: EndpointKind, server: RecordedServer) -> None:
        """Watching costs nothing: no call that generates, loads or is charged."""
        await kind.detect(server)
        await kind.list_models(server)
        if not kind.is_passive:
            await kind.check(server)
        assert await kind.find_responses(server) in (True, False, None)

        assert [question for question in server.asked if _GENERATES.match(question)] == []

    @pytest.mark.asyncio
    async def test_what_cannot_be_asked_is_said(self, kind: EndpointKind) -> None:
        """A server that is gone and a key that is refused are the state of an endpoint, in words that hold no secret."""
        gone = ServerUnreachable("Endpoint 'recorded' cannot be reached: it refuses connections.", endpoint="recorded")
        refused = Answer(401, {"content-type": "application/json"}, b'{"error": "no"}')
        for otherwise, expected in ((gone, ServerUnreachable), (refused, KeyRefused)):
            questions = [kind.detect] if kind.is_passive else [kind.list_models, kind.check]
            for question in questions:
                if kind.is_passive and expected is KeyRefused:
                    continue  # 401 to an unknown path says nothing
                with pytest.raises(ServerError) as caught:
                    await question(RecordedServer(otherwise=otherwise))
                assert KEY not in str(caught.value)
                assert expected is KeyRefused or isinstance(caught.value, expected)

    @pytest.mark.asyncio
    async def test_a_web_page_is_an_error(self, kind: EndpointKind) -> None:
        """Somebody put another program at the address: the endpoint's state says so."""
        if kind.is_passive:
            pytest.skip("nothing is asked of this kind")

        for asks in (kind.list_models, kind.check):
            with pytest.raises(ServerError):
                await asks(RecordedServer(otherwise=PAGE))

    @pytest.mark.asyncio
    @pytest.mark.parametrize("body", NASTY_JSON, ids=range(len(NASTY_JSON)))
    async def test_no_answer_makes_it_raise_anything_else(self, kind: EndpointKind, server: RecordedServer, body: bytes) -> None:
        """Each answer in turn is replaced by something unheard of: ``ServerError`` or a result, never a defect."""
        for question in list(server.answers):
            broken = RecordedServer({**server.answers, question: Answer(200, {"content-type": "application/json"}, body)})
            for asks in (kind.detect, kind.list_models, kind.check, kind.find_responses):
                with contextlib.suppress(ServerError):
                    await asks(broken)

    @pytest.mark.asyncio
    async def test_one_object_serves_many_servers(self, kind: EndpointKind, server: RecordedServer) -> None:
        """It is asked about all servers of its kind at the same time: nothing of one may be left for the other."""
        empty = RecordedServer(otherwise=NOT_FOUND)

        found = await asyncio.gather(kind.detect(server), kind.detect(empty), kind.detect(server))

        assert list(found) == [True, False, True]

    @pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 501, 503])
    def test_it_reads_any_error(self, kind: EndpointKind, status: int) -> None:
        """Pure, for every body; what clients read repeats nothing of that server's: no path, no address."""
        texts = (
            b"",
            b"\xff",
            b"{}",
            b"[]",
            b'{"error":"model \\"m\\" not found at /srv/secret"}',
            b'{"error":{"code":7}}',
            b"[" * 9999,
        )
        for body in texts:
            error = kind.read_error(status, {"content-type": "application/json"}, body)
            assert error is None or isinstance(error, CallError)
            assert error is None or "/srv/secret" not in error.message

    @pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/responses"])
    def test_what_it_continues_is_a_request_for_the_same_model(self, kind: EndpointKind, route: str) -> None:
        """Or nothing; for any body, text and version, without raising: a stream broke, and its client waits."""
        assert not inspect.iscoroutinefunction(kind.continue_body), "continue_body is 'async def'; write 'def'"
        asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}], "prompt": "hi"}
        bodies = (*NASTY_JSON, json.dumps(asked).encode(), json.dumps({**asked, "max_tokens": 10**30}).encode())
        for body, text, version in itertools.product(bodies, ("The cat", " ", "\ud800"), (None, "", "0.11.0", "x" * 9999)):
            continuation = kind.continue_body(route, body, text, version)
            if continuation is not None:
                document = json.loads(continuation.body)
                assert (document["model"], document["stream"]) == ("m", True)
                assert text in continuation.body.decode(), "the text that is out is not in it"
