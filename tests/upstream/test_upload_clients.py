"""Clients that upload as clients do: slowly, too much, wrongly, and not to the end."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from collections.abc import Callable

import pytest
from attrs import define, field
from llmlb_testing.forms import CONTENT_TYPE, HEADERS, form, part, read_form
from llmlb_testing.upstream import plain

TRANSCRIPTIONS = "/v1/audio/transcriptions"
WHISPER = '["whisper-1"]'
MIB = 1024 * 1024
BLOCK = os.urandom(65536)
BEGIN = part("model", "whisper-1") + part("file", b"", "a.wav").removesuffix(b"\r\n")
END = b"\r\n" + form()


async def answer(visit):
    """Answer as a server does."""
    visit.send(plain({"text": "hello"}))


@define(eq=False)
class Client:
    """A request whose body is sent piece by piece."""

    send: Callable
    finish: Callable
    leave: Callable
    answer: asyncio.Future = field(repr=False)

    async def answered(self) -> tuple[int, dict]:
        """Return status and document."""
        async with asyncio.timeout(10):
            status, body = await self.answer
        return status, json.loads(body)


async def begin(front, length: int | None = None, content_type: str = CONTENT_TYPE, **headers: str) -> Client:
    """Begin a request; chunked unless it says its *length*."""
    return await (_wire if front.plane == "wire" else _asgi)(front, length, {"content-type": content_type, **headers})


async def _wire(front, length, headers) -> Client:
    reader, writer = await asyncio.open_connection(*front.address)
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nhost: x\r\n{framing}\r\n{lines}\r\n".encode())

    async def send(data: bytes) -> None:
        writer.write(data if length is not None else b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()

    async def finish() -> None:
        if length is None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def read() -> tuple[int, bytes]:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return 100, b"{}"
        size = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(size.partition(b":")[2]))
        writer.close()
        return int(head.split()[1]), body

    return Client(send, finish, writer.close, asyncio.ensure_future(read()))


async def _asgi(front, length, headers) -> Client:
    messages: asyncio.Queue = asyncio.Queue(2)
    told: list = []

    async def send(message: dict) -> None:
        told.append(message)

    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    if length is not None:
        lines.append((b"content-length", str(length).encode()))
    scope = {"type": "http", "method": "POST", "path": TRANSCRIPTIONS, "query_string": b"", "headers": lines, "client": ("::1", 1)}

    async def serve() -> tuple[int, bytes]:
        await front.app(scope, messages.get, send)
        return told[0]["status"] if told else 0, b"".join(each.get("body", b"") for each in told)

    async def give(data: bytes) -> None:
        await asyncio.wait({asyncio.ensure_future(messages.put({"type": "http.request", "body": data, "more_body": True}))})

    async def finish() -> None:
        await messages.put({"type": "http.request", "body": b"", "more_body": False})

    def leave() -> None:
        while messages.full():
            messages.get_nowait()
        messages.put_nowait({"type": "http.disconnect"})

    return Client(give, finish, leave, asyncio.ensure_future(serve()))


@pytest.fixture(autouse=True)
def _no_long_drain(monkeypatch):
    """Under ASGI a body that nobody wants is read for a while before an early answer."""
    monkeypatch.setattr("llmlb_core.web.outlet.DRAIN_TIMEOUT_S", 0.2)


def spooled(front) -> int:
    """Return how many files lie in the spool."""
    return len(list((front.house.settings.data_dir / "uploads").iterdir()))


async def until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # nothing tells a test of the file system
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_upload_takes_little_memory(relay, announced):
    """25 MB less a little, with its length and in chunks: some megabytes of memory, on both planes."""
    front, upstream = await relay(answer, models=WHISPER)
    upstream.script = _counting
    blocks = 380
    length = len(BEGIN) + blocks * len(BLOCK) + len(END)
    await front.post(form(part("model", "whisper-1"), part("file", b"x", "a.wav")), TRANSCRIPTIONS, HEADERS)  # imports
    client = await begin(front, length if announced else None)
    tracemalloc.start()
    try:
        await client.send(BEGIN)
        for _ in range(blocks):
            await client.send(BLOCK)
        held = tracemalloc.get_traced_memory()[1]
        assert 1 == spooled(front)
        await client.send(END)
        await client.finish()

        assert 200 == (await client.answered())[0]
    finally:
        tracemalloc.stop()
    assert held < 4 * MIB
    assert length - 2000 < len(upstream.visits[-1].body) < length + 2000
    await until(lambda: not spooled(front))


async def _counting(visit):
    await visit.whole_body()
    visit.send(plain({"text": "hello"}))


async def test_a_slow_client_is_waited_for(relay):
    """As long as something comes within body_timeout_s; one byte at a time is something."""
    front, upstream = await relay(answer, models=WHISPER, tail="[server]\nbody_timeout_s = 5\n")
    client = await begin(front)

    for at in range(len(BEGIN)):
        await client.send(BEGIN[at : at + 1])
    await client.send(BLOCK + END)
    await client.finish()

    assert (200, {"text": "hello"}) == await client.answered()
    assert BLOCK == read_form(upstream.visits[0].body, upstream.visits[0].headers)[1][0][3]


async def test_a_client_that_falls_silent_is_told(relay):
    """408, and its file is gone; nothing was sent to a server."""
    front, upstream = await relay(answer, models=WHISPER, tail="[server]\nbody_timeout_s = 0.3\n")
    client = await begin(front)
    await client.send(BEGIN)
    for _ in range(30):
        await client.send(BLOCK)
    await until(lambda: spooled(front) == 1)

    status, document = await client.answered()

    assert (408, "request_timeout") == (status, document["error"]["code"])
    await until(lambda: not spooled(front))
    assert [] == upstream.visits


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(relay):
    """Neither a file nor a call."""
    front, upstream = await relay(answer, models=WHISPER)
    client = await begin(front)
    await client.send(BEGIN)
    for _ in range(30):
        await client.send(BLOCK)
    await until(lambda: spooled(front) == 1)

    client.leave()

    await until(lambda: not spooled(front) and not front.house.pipeline.running.count)
    assert [] == upstream.visits
    client.answer.cancel()


@pytest.mark.parametrize("announced", [True, False])
async def test_more_than_the_route_takes_is_refused(relay, announced):
    """413 as soon as it is known: by the announced length before anything is read (26006000-F25)."""
    front, upstream = await relay(answer, models=WHISPER)
    client = await begin(front, 40 * MIB if announced else None)
    await client.send(BEGIN)

    async def send_all() -> None:
        while not client.answer.done():
            await client.send(BLOCK)

    sending = asyncio.ensure_future(send_all())
    status, document = await client.answered()

    sending.cancel()
    await asyncio.wait([sending])
    assert (413, "file_too_large") == (status, document["error"]["code"])
    assert "25 MiB" in document["error"]["message"]
    await until(lambda: not spooled(front))
    assert [] == upstream.visits


async def test_the_operators_limit_holds_too(relay):
    """``[server] max_upload_bytes``."""
    front, _ = await relay(answer, models=WHISPER, tail="[server]\nmax_upload_bytes = 1024\n")

    call = await front.post(form(part("model", "whisper-1"), part("file", b"x" * 1025, "a.wav")), TRANSCRIPTIONS, HEADERS)

    assert (413, "file_too_large", "file") == (call.status, call.error["code"], call.error["param"])


async def test_uploads_share_a_bounded_part_of_the_disk(relay):
    """Beyond it a call is asked to come again (503)."""
    front, _ = await relay(answer, models=WHISPER, tail="[server]\nupload_disk_bytes = 2000000\n")
    body = form(part("model", "whisper-1"), part("file", b"x" * 2_500_000, "a.wav"))

    call = await front.post(body, TRANSCRIPTIONS, HEADERS)

    assert (503, "no_room_for_upload", "5") == (call.status, call.error["code"], call.headers["retry-after"])
    small = await front.post(form(part("model", "whisper-1"), part("file", b"x" * 500_000, "a.wav")), TRANSCRIPTIONS, HEADERS)
    assert 200 == small.status


WRONG = {
    "JSON": ({"content-type": "application/json"}, b"{}", 415, "invalid_content_type", "takes multipart/form-data"),
    "no content type": ({}, b"x", 415, "invalid_content_type", "no content-type"),
    "no boundary": ({"content-type": "multipart/form-data"}, form(), 400, "invalid_multipart", "boundary"),
    "an empty body": (HEADERS, b"", 400, "invalid_multipart", "no part came"),
    "cut": (HEADERS, BEGIN + BLOCK, 400, "invalid_multipart", "closing boundary"),
    "no model": (HEADERS, form(part("file", b"x", "a.wav")), 400, "missing_required_parameter", "model=NAME"),
    "an empty model": (HEADERS, form(part("model", ""), part("file", b"x", "a")), 400, "missing_required_parameter", "model"),
    "a model as a file": (HEADERS, form(part("model", b"m", "model.txt")), 400, "invalid_type", "field"),
    "an unknown model": (HEADERS, form(part("model", "x"), part("file", b"x", "a")), 404, "model_not_found", "'x'"),
    "an odd stream": (HEADERS, form(part("model", "m"), part("stream", "maybe")), 400, "invalid_value", "'maybe'"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_with_a_form_is_said(relay, name):
    """In OpenAI's error document, with the next step; the server goes on."""
    headers, body, status, code, told = WRONG[name]
    front, upstream = await relay(answer, models=WHISPER)

    call = await front.post(body, TRANSCRIPTIONS, headers)
    again = await front.post(form(part("model", "whisper-1"), part("file", b"x", "a.wav")), TRANSCRIPTIONS, HEADERS)

    assert (status, code, True) == (call.status, call.error["code"], told in call.error["message"]), call.error
    assert (200, 1) == (again.status, len(upstream.visits))


async def test_who_may_not_enter_is_told_before_anything_is_read(relay):
    """401 although the body has not begun."""
    front, _ = await relay(answer, models=WHISPER)
    front.house.pipeline.authenticate._is_disabled = False
    client = await begin(front, 20 * MIB)

    status, document = await client.answered()

    assert (401, "invalid_api_key") == (status, document["error"]["code"])


async def test_fifty_uploads_at_a_time_lose_nothing(relay):
    """Each its own file; afterwards the folder is empty."""
    front, upstream = await relay(answer, models=WHISPER, extra="max_in_flight = 50")
    sounds = [os.urandom(1_200_000) for _ in range(50)]

    calls = await asyncio.gather(
        *(front.post(form(part("model", "whisper-1"), part("file", sound, "a.wav")), TRANSCRIPTIONS, HEADERS) for sound in sounds)
    )

    assert [200] * 50 == [call.status for call in calls]
    assert sorted(sounds) == sorted(read_form(visit.body, visit.headers)[1][0][3] for visit in upstream.visits)
    await until(lambda: not spooled(front))


async def test_expecting_clients_are_told_to_go_on(relay):
    """Curl asks first when a body is large."""
    front, _ = await relay(answer, models=WHISPER)
    if front.plane == "asgi":
        return  # there it is the ASGI server's
    client = await begin(front, 2000, expect="100-continue")

    assert (100, {}) == await client.answered()
    client.leave()
