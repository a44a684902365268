"""Images in chat: looked at before anything waits, and fetched here where a client only names them (e03a404c)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import asynccontextmanager

import pytest
from llmlb_testing.pictures import PNG, PNG_URL, data_url, png_head
from llmlb_testing.upstream import FakeUpstream

JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF"


def asking(*urls):
    """Return a body's messages with images at *urls*."""
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *parts]}]


def head(status=200, **headers):
    """Return the head of an answer whose body ends with the connection."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nconnection: close\r\n{lines}\r\n".encode()


@asynccontextmanager
async def open_web(answer):
    """Run a web server that answers by *answer*, then closes."""

    async def script(visit):
        await answer(visit)
        visit.end()

    async with FakeUpstream.open(script) as web:
        yield web


async def see(desk, *urls, **fields):
    """Ask the model that sees about images at *urls*."""
    return await desk.client.post("/v1/chat/completions", {"model": "m", "messages": asking(*urls), **fields})


@pytest.fixture
async def web():
    """A web server with one picture."""

    async def answer(visit):
        visit.send(head(content_type="image/png", content_length=len(PNG)), PNG)

    async with open_web(answer) as web:
        yield web


@pytest.fixture
async def seeing(tmp_path, new_node, open_app_at):
    """Return what opens an application with a server that sees, and that server."""

    @asynccontextmanager
    async def open_it(toml=""):
        node = await new_node()
        async with open_app_at(tmp_path / "data", toml) as desk:
            await desk.online(node.url, "seeing", capabilities=["text_generation", "vision"])
            yield desk, node

    return open_it


def allowing(web, **more):
    """Return settings that let images be fetched from *web*, a server on this machine."""
    return f"[images]\nallowed_hosts = ['{web.url.removeprefix('http://')}']\n" + "".join(f"{k} = {v}\n" for k, v in more.items())


def chats(node):
    """Return the bodies of the calls that *node* got."""
    return [visit.json for visit in node.upstream.visits if visit.path == "/v1/chat/completions"]


async def test_a_data_url_reaches_the_server_as_it_was_sent(seeing):
    """e03a404c-F2: looked at, and passed on byte for byte."""
    async with seeing() as (desk, node):
        call = await see(desk, PNG_URL)

    assert 200 == call.status
    assert asking(PNG_URL) == chats(node)[0]["messages"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_image_that_is_named_is_fetched_and_sent_along(seeing, web, stream):
    """e03a404c-F1, F5: the server gets a data URL, and never has to reach the web itself."""
    async with seeing(allowing(web)) as (desk, node):
        call = await see(desk, f"{web.url}/a.png", PNG_URL, stream=stream)

    assert 200 == call.status
    assert asking(PNG_URL, PNG_URL) == chats(node)[0]["messages"]


async def test_a_fetch_carries_nothing_of_the_client(seeing, web):
    """No credential, cookie or header of the client leaves with it."""
    async with seeing(allowing(web)) as (desk, _):
        await see(desk, f"{web.url}/a.png")

    assert {"host", "accept", "accept-encoding", "user-agent"} == set(web.visits[0].headers) - {"connection"}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (data_url(b"II*\0" + bytes(40), "image/tiff"), "unsupported_format"),
        (data_url(b"hello, I am a text", "image/png"), "unsupported_format"),
        (data_url(PNG[:20]), "corrupted_image"),
        (data_url(JPEG_HEAD), "corrupted_image"),
        ("data:image/png;base64,@@@@", "invalid_base64"),
        ("data:image/png;base64,AAA", "invalid_base64"),
        ("data:image/png;base64,", "unsupported_format"),
        ("data:image/png,%89PNG", "invalid_base64"),
        (data_url(png_head(100_000, 100_000)), "image_too_large"),
        (data_url(PNG + bytes(10 * 1024 * 1024)), "image_too_large"),
        ("ftp://example.com/a.png", "fetch_failed"),
        ("http://user:secret@example.com/a.png", "fetch_failed"),
        ("nonsense", "fetch_failed"),
    ],
    ids=lambda value: value[:30],
)
async def test_an_image_that_is_none_is_refused(seeing, url, code):
    """e03a404c-F7, F8, F11: 400 with the code and the place, before anything is sent; the next call is served."""
    async with seeing() as (desk, node):
        call, good = await see(desk, PNG_URL, url), await see(desk, PNG_URL)

    error = call.json["error"]
    assert (400, code, "invalid_request_error") == (call.status, error["code"], error["type"])
    assert "messages[0].content[2].image_url.url" == error["param"]
    assert "secret" not in error["message"]
    assert (200, 1) == (good.status, len(chats(node)))


async def test_eleven_images_are_too_many(seeing):
    """e03a404c-F9: ten are taken, and it is told what came."""
    async with seeing() as (desk, node):
        ten, eleven = await see(desk, *[PNG_URL] * 10), await see(desk, *[PNG_URL] * 11)

    assert (200, 400, "too_many_images") == (ten.status, eleven.status, eleven.json["error"]["code"])
    assert "11 images" in eleven.json["error"]["message"]
    assert 1 == len(chats(node))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "localhost",
        "localhost.",
    ],
)
async def test_a_private_address_is_not_fetched(seeing, web, host):
    """e03a404c-F12: however it is written, and whatever a name resolves to; nothing is connected."""
    port = web.url.rpartition(":")[2]
    async with seeing() as (desk, _):
        call = await see(desk, f"http://{host}:{port}/a.png")

    assert (400, "fetch_failed") == (call.status, call.json["error"]["code"])
    assert [] == web.visits


async def test_a_redirect_to_a_private_address_is_not_followed(seeing, web):
    """The policy holds for every step: a public page must not be a way in."""

    async def answer(visit):
        visit.send(head(302, location=web.url.replace("127.0.0.1", "localhost") + "/a.png"))

    async with open_web(answer) as door, seeing(allowing(door)) as (desk, _):
        call = await see(desk, f"{door.url}/x.png")

    assert (400, "fetch_failed") == (call.status, call.json["error"]["code"])
    assert [] == web.visits


async def test_three_redirects_are_followed_and_no_more(seeing):
    """e03a404c-F12."""

    async def answer(visit):
        left = int(visit.path.rpartition("/")[2])
        visit.send(head(302, location=f"/{left - 1}") if left else head() + PNG)

    async with open_web(answer) as web, seeing(allowing(web)) as (desk, _):
        three, four = await see(desk, f"{web.url}/3"), await see(desk, f"{web.url}/4")

    assert (200, 400, "fetch_failed") == (three.status, four.status, four.json["error"]["code"])


@pytest.mark.parametrize("announced", [True, False])
async def test_an_image_that_is_too_large_is_not_read_to_its_end(seeing, announced):
    """e03a404c-F12: by what is announced, else by what came."""
    left = asyncio.Event()

    async def answer(visit):
        visit.send(head(**({"content_length": 10**9} if announced else {})), PNG)
        visit.send(bytes(1_000_000))
        await visit.gone()
        left.set()

    async with open_web(answer) as web, seeing(allowing(web, max_bytes=100_000)) as (desk, _):
        call = await see(desk, f"{web.url}/a.png")
        async with asyncio.timeout(10):
            await left.wait()

    assert (400, "image_too_large") == (call.status, call.json["error"]["code"])


async def test_a_fetch_ends_at_its_deadline(seeing):
    """e03a404c-F12: a host that is silent holds a call no longer than settings say."""

    async def answer(visit):
        await visit.gone()

    async with open_web(answer) as web, seeing(allowing(web, fetch_timeout_s=0.3)) as (desk, _):
        call = await see(desk, f"{web.url}/a.png")

    assert (400, "fetch_timeout") == (call.status, call.json["error"]["code"])


@pytest.mark.parametrize(("body", "status", "code"), [(b"<html>", 200, "unsupported_format"), (PNG, 404, "fetch_failed")])
async def test_what_is_fetched_must_be_an_image(seeing, body, status, code):
    """A page, or an error of the host."""

    async def answer(visit):
        visit.send(head(status), body)

    async with open_web(answer) as web, seeing(allowing(web)) as (desk, node):
        call = await see(desk, f"{web.url}/a.png")

    assert (400, code, 0) == (call.status, call.json["error"]["code"], len(chats(node)))


async def test_a_host_that_is_away_is_told(seeing, web):
    """Nothing listens there."""
    async with seeing(allowing(web)) as (desk, _):
        await web.close()
        call = await see(desk, f"{web.url}/a.png")

    assert (400, "fetch_failed") == (call.status, call.json["error"]["code"])


async def test_fetching_can_be_switched_off(seeing, web):
    """[images] fetch = false: data URLs only."""
    async with seeing(allowing(web, fetch="false")) as (desk, _):
        call, here = await see(desk, f"{web.url}/a.png"), await see(desk, PNG_URL)

    assert (400, "fetch_failed", 200) == (call.status, call.json["error"]["code"], here.status)
    assert [] == web.visits


async def test_a_large_image_is_read_beside_the_loop(seeing):
    """Nine megabytes are looked at in a thread: calls go on meanwhile, and it is passed on whole."""
    large = "data:image/png;base64," + b64encode(PNG + bytes(9 * 1024 * 1024)).decode()
    async with seeing() as (desk, node):
        call, *others = await asyncio.gather(see(desk, large), *(see(desk, PNG_URL) for _ in range(5)))

    assert {200} == {each.status for each in (call, *others)}
    assert large in [body["messages"][0]["content"][1]["image_url"]["url"] for body in chats(node)]
