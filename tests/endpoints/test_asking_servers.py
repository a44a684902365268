"""Asking a server: whatever it does, the question ends in time, in bounded memory, with an error that an operator understands."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import sys
import time

import msgspec
import pytest
import trustme
from llmlb_testing.upstream import FakeUpstream, plain

from llmlb_core.endpoints.asking import MAX_BYTES, Asker
from llmlb_core.errors import (
    AnswerNotJson,
    AnswerTooLarge,
    AnswerUnexpected,
    KeyRefused,
    RedirectRefused,
    ServerTimedOut,
    ServerUnreachable,
)
from llmlb_core.upstream.address import parse_url

KEY = "sk-a-key-that-nobody-may-see"


class Listed(msgspec.Struct):
    """A list of models."""

    data: list[dict[str, object]]


@pytest.fixture
async def asker():
    """The connections of one test."""
    asker = Asker()
    yield asker
    await asker.close()


def answering(*answers):
    """A script that answers each question with the next of *answers*, and the last one from then on."""
    left = list(answers)

    async def script(visit):
        visit.send(left.pop(0) if len(left) > 1 else left[0])

    return script


async def test_json_is_read_and_the_key_is_sent(asker):
    """The path is appended to the address without ``/v1``; compression is not asked for."""
    async with FakeUpstream.open(answering(plain({"data": [{"id": "m"}], "more": 1}))) as upstream:
        server = asker.server("gpu1", parse_url(f"{upstream.url}/base/v1/"), KEY)

        listed = await server.get_json("/v1/models", Listed)

        assert [{"id": "m"}] == listed.data
        assert "/base/v1/models" == upstream.visits[0].path
        assert f"Bearer {KEY}" == upstream.visits[0].headers["authorization"]
        assert "identity" == upstream.visits[0].headers["accept-encoding"]


async def test_a_question_with_a_body_is_posted(asker):
    """As JSON."""
    async with FakeUpstream.open(answering(plain({"data": []}))) as upstream:
        await asker.server("gpu1", parse_url(upstream.url)).post_json("/api/show", {"model": "m"}, Listed)

        assert {"model": "m"} == upstream.visits[0].json
        assert "authorization" not in upstream.visits[0].headers


async def test_the_key_is_nowhere_to_be_seen(asker):
    """Not in a repr, not in an error, not even where the server repeats it."""
    async with FakeUpstream.open(answering(plain({"error": {"message": f"bad key {KEY} given"}}, 500))) as upstream:
        server = asker.server("gpu1", parse_url(upstream.url), KEY)

        with pytest.raises(AnswerUnexpected, match="500: bad key … given") as caught:
            await server.get_json("/v1/models", Listed)

    assert KEY not in repr(server) + repr(caught.value) + str(caught.value.__dict__)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_said(asker, status):
    """66555000-E6: an authentication error says that it is one, and whether a key was sent at all."""
    async with FakeUpstream.open(answering(plain({"error": "no"}, status))) as upstream:
        for key, words in ((KEY, "its API key is wrong"), (None, "it wants an API key, and none is set")):
            with pytest.raises(KeyRefused, match=words) as caught:
                await asker.server("gpu1", parse_url(upstream.url), key).find_json("/v1/models", Listed)
            assert ("gpu1", status, "key_refused") == (caught.value.endpoint, caught.value.status, caught.value.code)


async def test_a_web_page_is_said_to_be_one(asker):
    """An HTML page where JSON was expected: the address is that of something else."""
    page = plain(b"<!doctype html><title>Welcome</title>", 200, "content-type: text/html")
    async with FakeUpstream.open(answering(page)) as upstream:
        server = asker.server("gpu1", parse_url(upstream.url))

        with pytest.raises(AnswerNotJson, match="a web page"):
            await server.get_json("/v1/models", Listed)
        assert await server.find_json("/v1/models", Listed) is None


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (plain(b"certainly not json"), AnswerNotJson, "18 bytes that are no JSON"),
        (plain(b'{"data": [{"x": ' + b"[" * 100_000), AnswerNotJson, "no JSON"),
        (plain(b'{"data": [{"id": "\xff"}]}'), AnswerNotJson, "no JSON"),
        (plain({"data": 7}), AnswerUnexpected, "another shape"),
        (plain({"detail": "Not Found"}, 404), AnswerUnexpected, "404: Not Found"),
        (plain(gzip.compress(b"{}"), 200, "content-encoding: gzip"), AnswerNotJson, "compressed"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", AnswerNotJson, "0 bytes"),
    ],
)
async def test_other_answers_are_errors_in_words(asker, answer, error, words):
    """What was seen, what was expected."""
    async with FakeUpstream.open(answering(answer)) as upstream:
        with pytest.raises(error, match=words) as caught:
            await asker.server("gpu1", parse_url(upstream.url)).get_json("/v1/models", Listed)

    assert "'gpu1'" in caught.value.message
    assert upstream.url not in caught.value.message


async def test_a_list_of_ten_thousand_models_is_fine(asker):
    """It is a few megabytes."""
    data = [{"id": f"organisation/model-{number:05}", "object": "model", "owned_by": "x" * 200} for number in range(10_000)]
    async with FakeUpstream.open(answering(plain({"data": data}))) as upstream:
        listed = await asker.server("gpu1", parse_url(upstream.url)).get_json("/v1/models", Listed)

    assert 10_000 == len(listed.data)


async def test_an_answer_without_end_is_not_read_to_its_end(asker):
    """16 MB are too many: reading stops at the bound, and the connection is closed."""

    async def endless(visit):
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\n\r\n")
        while not visit.is_gone:
            visit.send(b" " * 65536)
            await visit.drained()
            await asyncio.sleep(0)

    async with FakeUpstream.open(endless) as upstream:
        with pytest.raises(AnswerTooLarge, match=f"{MAX_BYTES:,} bytes"):
            await asker.server("gpu1", parse_url(upstream.url)).get_json("/v1/models", Listed)
        await upstream.visits[0].gone()


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"HTTP/1.1 2"])
async def test_a_server_that_hangs_is_given_up(asker, beginning):
    """Before, within and after its head; the deadline is of the whole question."""

    async def hang(visit):
        visit.send(beginning)
        await visit.gone()

    async with FakeUpstream.open(hang) as upstream:
        began_at = time.monotonic()
        with pytest.raises(ServerTimedOut, match=r"within 0\.2 s"):
            await asker.server("gpu1", parse_url(upstream.url), deadline_s=0.2).get_json("/v1/models", Listed)

    assert time.monotonic() - began_at < 5


async def test_a_server_that_is_not_there_is_said(asker):
    """Refused connections, unknown names, a connection that breaks, something that is not HTTP."""

    async def reset(visit):
        visit.reset()

    async with FakeUpstream.open(answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as upstream, FakeUpstream.open(reset) as broken:
        gone = broken.url
        for url, words in (
            (upstream.url, "not HTTP"),
            (gone, "cannot be reached|broke off"),
            ("http://no.such.invalid", "not known"),
        ):
            with pytest.raises(ServerUnreachable, match=words):
                await asker.server("gpu1", parse_url(url)).get_json("/v1/models", Listed)
    with pytest.raises(ServerUnreachable, match="refuses connections"):
        await asker.server("gpu1", parse_url(gone)).get_json("/v1/models", Listed)


async def test_a_certificate_that_nobody_trusts_is_said(asker, tmp_path):
    """With a ``ca_file`` the same server is asked over HTTPS."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with FakeUpstream.open(answering(plain({"data": []})), tls=context, name="localhost") as upstream:
        with pytest.raises(ServerUnreachable, match="not trusted"):
            await asker.server("gpu1", parse_url(upstream.url)).get_json("/v1/models", Listed)

        trusted = asker.server("gpu1", parse_url(upstream.url, tmp_path / "ca.pem"))
        assert [] == (await trusted.get_json("/v1/models", Listed)).data


async def test_a_redirect_on_the_same_host_is_followed(asker):
    """Such as from /models to /models/; the key goes along."""
    moved = plain(b"", 307, "location: /v1/models/")
    async with FakeUpstream.open(answering(moved, plain({"data": []}))) as upstream:
        await asker.server("gpu1", parse_url(upstream.url), KEY).get_json("/v1/models", Listed)

        assert ["/v1/models", "/v1/models/"] == [visit.path for visit in upstream.visits]
        assert f"Bearer {KEY}" == upstream.visits[1].headers["authorization"]


async def test_a_redirect_to_another_host_is_refused(asker):
    """The key must not leave the server that it belongs to; another port is another server."""
    async with FakeUpstream.open(answering(plain({"data": []}))) as other:
        async with FakeUpstream.open(answering(plain(b"", 302, f"location: {other.url}/v1/models"))) as upstream:
            with pytest.raises(RedirectRefused, match="register the address"):
                await asker.server("gpu1", parse_url(upstream.url), KEY).get_json("/v1/models", Listed)

        assert [] == other.visits


@pytest.mark.parametrize("location", ["/v1/models", "http://[", "javascript:alert(1)", "//"])
async def test_a_redirect_that_leads_nowhere_is_refused(asker, location):
    """A circle, and what is no address."""
    async with FakeUpstream.open(answering(plain(b"", 301, f"location: {location}"))) as upstream:
        with pytest.raises(RedirectRefused):
            await asker.server("gpu1", parse_url(upstream.url)).get_json("/v1/models", Listed)

        assert len(upstream.visits) <= 4


async def test_a_post_is_not_sent_on(asker):
    """A question with a body is asked once."""
    async with FakeUpstream.open(answering(plain(b"", 308, "location: /other"))) as upstream:
        with pytest.raises(RedirectRefused, match="a POST"):
            await asker.server("gpu1", parse_url(upstream.url)).post_json("/api/show", {}, Listed)

        assert 1 == len(upstream.visits)


async def test_a_cancelled_question_closes_its_connection(asker):
    """Stopping the server ends every question at once."""

    async def hang(visit):
        await visit.gone()

    async with FakeUpstream.open(hang) as upstream:
        task = asyncio.create_task(asker.server("gpu1", parse_url(upstream.url)).get_json("/v1/models", Listed))
        visit = await upstream.visited()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        await visit.gone()


async def test_servers_that_hang_do_not_hold_up_the_others(asker):
    """A hundred questions that nobody answers, and one that is answered at once."""

    async def hang(visit):
        await visit.gone()

    async with FakeUpstream.open(hang) as dead, FakeUpstream.open(answering(plain({"data": []}))) as alive:
        hanging = [
            asyncio.create_task(asker.server(f"gpu{number}", parse_url(dead.url)).get_json("/v1/models", Listed))
            for number in range(100)
        ]
        await dead.until(lambda: len(dead.visits) == 100)

        assert [] == (await asker.server("gpu", parse_url(alive.url), deadline_s=3).get_json("/v1/models", Listed)).data

        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


@pytest.mark.parametrize("path", ["v1/models", "/a b", "/ä", "/a\r\nx: y", "http://other/"])
async def test_a_path_is_a_path(asker, path):
    """A slip of a plugin's author is told before anything is sent."""
    with pytest.raises(ValueError, match="is no path"):
        await asker.server("gpu1", parse_url("http://127.0.0.1:1")).ask("GET", path)


async def test_nothing_is_asked_after_the_end():
    """A closed asker opens no new connection."""
    asker = Asker()
    await asker.close()

    with pytest.raises(RuntimeError, match="closed"):
        await asker.server("gpu1", parse_url("http://127.0.0.1:1")).ask("GET", "/")


def test_nobody_pays_for_aiohttp_who_asks_nothing():
    """A server without endpoints imports the room and not the library."""
    code = "import sys, llmlb_core.endpoints.asking as a; a.Asker(); print('aiohttp' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "False" == done.stdout.strip()
