"""Forms on their way to servers: written anew, sent as fast as the server takes them, and again where it fails."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path

import pytest
from llmlb_testing.forms import CONTENT_TYPE, HEADERS, form, part, read_form
from llmlb_testing.upstream import plain

TRANSCRIPTIONS = "/v1/audio/transcriptions"
EDITS = "/v1/images/edits"
MIB = 1024 * 1024
WHISPER = '["whisper-1"]'
ANSWER = plain({"text": "hello", "usage": {"type": "tokens", "input_tokens": 7, "output_tokens": 2, "total_tokens": 9}})


def upload(sound: bytes, *more: bytes, model: str = "whisper-1") -> bytes:
    """Return the form of a transcription."""
    return form(part("model", model), *more, part("file", sound, "speech.wav", "Content-Type: audio/wav"))


def spooled(front) -> list[Path]:
    """Return the files that lie in the spool."""
    return list((front.house.settings.data_dir / "uploads").iterdir())


async def until_empty(front) -> None:
    """Return when the spool is empty."""
    async with asyncio.timeout(10):
        while spooled(front):  # noqa: ASYNC110  # a thread deletes them
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [MIB // 2, 5 * MIB, 25 * MIB])
async def test_a_file_arrives_as_it_was_sent(relay, size):
    """With its name and type, every field, a content-length and a boundary of this server's own (26006000-F23)."""
    sound = os.urandom(size)
    seen = []

    async def answer(visit):
        seen.append((visit.headers, bytes(visit.body), len(spooled(front))))
        visit.send(ANSWER)

    front, _ = await relay(answer, models=WHISPER)

    call = await front.post(upload(sound, part("language", "de"), part("prompt", "Größe\r\n")), TRANSCRIPTIONS, HEADERS)

    assert (200, b"hello") == (call.status, call.body[10:15])
    headers, body, files = seen[0]
    fields = [("model", "whisper-1"), ("language", "de"), ("prompt", "Größe\r\n")]
    assert (fields, [("file", "speech.wav", "audio/wav", sound)]) == read_form(body, headers)
    assert str(len(body)) == headers["content-length"]
    assert CONTENT_TYPE != headers["content-type"]
    assert (size > MIB) == files
    await until_empty(front)


async def test_another_model_is_called_by_its_own_name(relay):
    """One that stands in for the model that the form names."""

    async def answer(visit):
        fields, _ = read_form(visit.body, visit.headers)
        visit.send(plain({"text": dict(fields)["model"]}))

    front, _ = await relay(answer, models=WHISPER, tail='[models.ears]\nfallback = ["whisper-1"]\n')

    call = await front.post(upload(b"x", model="ears"), TRANSCRIPTIONS, HEADERS)

    assert (200, b'{"text": "whisper-1"}') == (call.status, call.body)


async def test_several_files_keep_their_order(relay):
    """An edit has pictures and a mask (ae3f974e-F11)."""
    pictures = [os.urandom(700_000) for _ in range(3)]

    async def answer(visit):
        visit.send(plain({"data": []}))

    front, upstream = await relay(answer, models='["dall-e-2"]')
    fields = part("model", "dall-e-2"), part("prompt", "x")
    parts = [part("image[]", data, f"{n}.png", "Content-Type: image/png") for n, data in enumerate(pictures)]

    call = await front.post(form(*fields, *parts, part("mask", b"m", "m.png")), EDITS, HEADERS)

    assert 200 == call.status
    _, files = read_form(upstream.visits[0].body, upstream.visits[0].headers)
    assert [("image[]", "0.png"), ("image[]", "1.png"), ("image[]", "2.png"), ("mask", "m.png")] == [file[:2] for file in files]
    assert [*pictures, b"m"] == [file[3] for file in files]


async def test_a_server_that_fails_is_followed_by_another(relay):
    """What was uploaded is sent again, whole: from disk, too."""
    sound = os.urandom(3 * MIB)

    async def fail(visit):
        visit.send(plain({"error": {"message": "no"}}, 500))

    async def answer(visit):
        visit.send(ANSWER)

    front, first, second = await relay(fail, answer, models=WHISPER)

    for _ in range(2):
        call = await front.post(upload(sound), TRANSCRIPTIONS, HEADERS)

        assert 200 == call.status
    assert len(first.visits) >= 1
    for visit in (*first.visits, *second.visits):
        assert sound == read_form(visit.body, visit.headers)[1][0][3]
    await until_empty(front)


async def test_a_server_that_reads_slowly_is_waited_for(relay):
    """The file stays on disk meanwhile: memory holds a few pieces of it."""
    sound = os.urandom(20 * MIB)
    go_on = asyncio.Event()

    async def answer(visit):
        visit._line.transport.pause_reading()
        await go_on.wait()
        visit._line.transport.resume_reading()
        await visit.whole_body()
        visit.send(ANSWER)

    front, upstream = await relay(answer, models=WHISPER)
    upstream.is_early = True
    body = upload(sound)
    call = await front.open(body, TRANSCRIPTIONS, HEADERS)
    await upstream.visited()
    tracemalloc.start()
    await asyncio.sleep(0.3)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    go_on.set()
    await call.ended()

    assert 200 == call.status
    assert held < 4 * MIB
    assert sound == read_form(upstream.visits[0].body, upstream.visits[0].headers)[1][0][3]


async def test_a_server_may_answer_before_it_has_read_all(relay):
    """Its refusal reaches the client; the connection, on which the rest of the form would follow, is not used again."""

    async def answer(visit):
        if len(upstream.visits) == 1:
            visit._line.transport.pause_reading()
            visit.send(plain({"error": {"message": "too long", "code": "audio_too_long"}}, 413))
            await visit.gone()
        else:
            await visit.whole_body()
            visit.send(ANSWER)

    front, upstream = await relay(answer, models=WHISPER)
    upstream.is_early = True

    refused = await front.post(upload(os.urandom(20 * MIB)), TRANSCRIPTIONS, HEADERS)
    answered = await front.post(upload(b"x"), TRANSCRIPTIONS, HEADERS)

    assert (413, "audio_too_long", 200) == (refused.status, refused.error["code"], answered.status)
    assert [0, 1] == [visit.connection for visit in upstream.visits]


async def test_a_client_that_leaves_ends_the_upload(relay):
    """The connection to the server is closed and nothing is left on disk."""

    async def answer(visit):
        await visit.gone()

    front, upstream = await relay(answer, models=WHISPER)
    call = await front.open(upload(os.urandom(3 * MIB)), TRANSCRIPTIONS, HEADERS)
    visit = await upstream.visited()
    assert 1 == len(spooled(front))

    call.leave()

    await visit.gone()
    await until_empty(front)


async def test_what_was_uploaded_is_recorded_without_its_bytes(relay):
    """Sizes, usage and who answered."""

    async def answer(visit):
        visit.send(ANSWER)

    front, _ = await relay(answer, models=WHISPER)
    records = []
    front.house.pipeline.record._takers.append(records.extend)

    await front.post(upload(b"x" * 1000), TRANSCRIPTIONS, HEADERS)
    front.house.pipeline.record.flush()

    record = records[0]
    assert (1009, "e0", 7, 2) == (record.bytes_in, record.served_by, record.usage.prompt_tokens, record.usage.completion_tokens)


async def test_connections_are_used_again(relay):
    """Also those that an upload went over."""

    async def answer(visit):
        visit.send(ANSWER)

    front, upstream = await relay(answer, models=WHISPER)

    for _ in range(3):
        assert 200 == (await front.post(upload(os.urandom(2 * MIB)), TRANSCRIPTIONS, HEADERS)).status

    assert [0, 0, 0] == [visit.connection for visit in upstream.visits]


async def test_a_kept_connection_that_was_closed_is_dialled_again(relay):
    """All of the form is sent on the new one; no attempt counts."""

    async def answer(visit):
        visit.send(ANSWER)

    front, upstream = await relay(answer, models=WHISPER)
    sound = os.urandom(2 * MIB)
    await front.post(upload(b"x"), TRANSCRIPTIONS, HEADERS)
    upstream.close_idle()

    call = await front.post(upload(sound), TRANSCRIPTIONS, HEADERS)

    assert (200, "1") == (call.status, call.headers["x-llmlb-attempts"])
    assert sound == read_form(upstream.visits[-1].body, upstream.visits[-1].headers)[1][0][3]
