"""Sound, pictures and rankings of servers: bytes pass unchanged and flow, events are read as what they are."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from llmlb_testing.forms import HEADERS, form, part
from llmlb_testing.upstream import chunk, plain, sse_head

SPEECH, IMAGES, RERANK = "/v1/audio/speech", "/v1/images/generations", "/v1/rerank"
TRANSCRIPTIONS, EDITS = "/v1/audio/transcriptions", "/v1/images/edits"
TTS, DALLE, WHISPER = '["tts-1"]', '["dall-e-3"]', '["whisper-1"]'
MP3 = "content-type: audio/mpeg"


def speak(**members: object) -> bytes:
    """Return the body of a call for speech."""
    return json.dumps({"model": "tts-1", "input": "hi", "voice": "alloy", **members}).encode()


def draw(**members: object) -> bytes:
    """Return the body of a call for pictures."""
    return json.dumps({"model": "dall-e-3", "prompt": "a circle", **members}).encode()


def upload(**fields: str) -> bytes:
    """Return the form of a transcription."""
    given = [part(name, value) for name, value in {"model": "whisper-1", **fields}.items()]
    return form(*given, part("file", b"RIFF", "a.wav", "Content-Type: audio/wav"))


def event(kind: str, **members: object) -> bytes:
    """Return a typed event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def head_of(framing: str, size: int, kind: str = MP3) -> bytes:
    """Return the head of an answer."""
    how = {"chunked": "transfer-encoding: chunked\r\n", "length": f"content-length: {size}\r\n", "close": ""}[framing]
    return f"HTTP/1.1 200 OK\r\n{kind}\r\n{how}\r\n".encode()


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("size", [1, 3_000_000])
async def test_sound_passes_unchanged(relay, framing, size):
    """With its type, and its length where that is known (26006000-F24)."""
    sound = os.urandom(size)

    async def answer(visit):
        visit.send(head_of(framing, size))
        for at in range(0, size, 65536):
            piece = sound[at : at + 65536]
            visit.send(chunk(piece) if framing == "chunked" else piece)
            await visit.drained()
        visit.send(chunk(b"") if framing == "chunked" else b"")
        if framing == "close":
            visit.end()

    front, _ = await relay(answer, models=TTS)

    call = await front.post(speak(), SPEECH)

    assert (200, "audio/mpeg", True) == (call.status, call.headers["content-type"], call.is_whole)
    assert sound == call.body
    if framing == "length":
        assert str(size) == call.headers["content-length"]


@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_sound_is_heard_while_the_rest_is_spoken(relay, framing):
    """The first bytes reach the client before the second ones are there."""
    go_on = asyncio.Event()

    async def answer(visit):
        visit.send(head_of(framing, 8), chunk(b"ID3.") if framing == "chunked" else b"ID3.")
        await go_on.wait()
        visit.send(chunk(b"rest") + chunk(b"") if framing == "chunked" else b"rest")

    front, _ = await relay(answer, models=TTS)

    call = await front.open(speak(), SPEECH)
    await call.holds(b"ID3.")
    go_on.set()
    await call.ended()

    assert (b"ID3.rest", True) == (call.body, call.is_whole)


async def test_sound_that_is_cut_is_not_ended_as_if_it_were_whole(relay):
    """The client sees a broken connection: nothing in a sound file could say it."""

    async def answer(visit):
        visit.send(head_of("chunked", 0), chunk(b"ID3."))
        await asyncio.sleep(0.05)
        visit.reset()

    front, *_ = await relay(answer, models=TTS)

    call = await front.post(speak(), SPEECH)

    assert (200, False) == (call.status, call.is_whole)


async def test_a_listener_that_reads_slowly_slows_the_server(relay):
    """Nothing piles up in between."""

    async def answer(visit):
        visit.send(head_of("chunked", 0))
        for _ in range(400):
            visit.send(chunk(b"x" * 65536))
            await visit.drained()
        visit.send(chunk(b""))

    front, upstream = await relay(answer, models=TTS)
    call = await front.open(speak(), SPEECH, small=True)
    await call.opened()
    call.stop_reading()

    async with asyncio.timeout(10):
        while not upstream.visits[0].is_paused:  # noqa: ASYNC110  # the kernel's buffers fill first
            await asyncio.sleep(0.01)
    call.go_on()
    await call.ended()

    assert 400 * 65536 == len(call.body)


@pytest.mark.parametrize("failure", ["500", "refused before a byte", "JSON that is cut"])
async def test_a_voice_that_fails_is_followed_by_another(relay, failure):
    """Until the first byte of sound, any failure moves the call."""

    async def fail(visit):
        if failure == "500":
            visit.send(plain({"error": "no"}, 500))
        elif failure == "JSON that is cut":
            visit.send(head_of("close", 0, "content-type: application/json"), b'{"a":')
            visit.end()
        else:
            visit.send(head_of("chunked", 0))
            visit.reset()

    async def answer(visit):
        visit.send(plain(b"ID3", 200, MP3))

    front, *_ = await relay(fail, answer, models=TTS)

    for _ in range(2):
        call = await front.post(speak(), SPEECH)

        assert (200, b"ID3", True) == (call.status, call.body, call.is_whole)


async def test_a_refusal_of_the_voice_is_passed_on(relay):
    """In the server's own words."""
    body = json.dumps({"error": {"message": "voice 'x' is not known", "code": "invalid_voice"}}).encode()

    async def answer(visit):
        visit.send(plain(body, 400))

    front, _ = await relay(answer, models=TTS)

    call = await front.post(speak(), SPEECH)

    assert (400, body) == (call.status, call.body)


STREAMS = {
    "a transcript": (
        TRANSCRIPTIONS,
        WHISPER,
        upload(stream="true"),
        [event("transcript.text.delta", delta="hel"), event("transcript.text.done", text="hello", usage={"input_tokens": 3})],
        3,
    ),
    "a transcript in chunks": (
        TRANSCRIPTIONS,
        WHISPER,
        upload(stream="true"),
        [b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n', b"data: [DONE]\n\n"],
        None,
    ),
    "speech": (
        SPEECH,
        TTS,
        speak(stream_format="sse"),
        [event("speech.audio.delta", audio="SUQz"), event("speech.audio.done", usage={"input_tokens": 2, "output_tokens": 9})],
        2,
    ),
    "a picture": (
        IMAGES,
        DALLE,
        draw(stream=True, partial_images=1),
        [event("image_generation.partial_image", b64_json="AA"), event("image_generation.completed", b64_json="AAAA")],
        None,
    ),
    "two pictures": (
        IMAGES,
        DALLE,
        draw(stream=True, n=2),
        [event("image_generation.completed", b64_json="A"), event("image_generation.completed", b64_json="B")],
        None,
    ),
    "a large picture": (IMAGES, DALLE, draw(stream=True), [event("image_generation.completed", b64_json="A" * 6_000_000)], None),
    "an edit": (
        EDITS,
        DALLE,
        form(part("model", "dall-e-3"), part("stream", "true"), part("image", b"png", "a.png")),
        [event("image_edit.completed", b64_json="AAAA")],
        None,
    ),
}


HOWS = [(name, how) for name in STREAMS for how in ("at once", "one by one")] + [("a transcript", "without an end")]


@pytest.mark.parametrize(("name", "how"), HOWS)
async def test_events_pass_unchanged_and_end_the_answer(relay, name, how):
    """Whole ones, as they come; the last kind says that all is there, though the server forgets to end its body."""
    path, models, body, events, tokens = STREAMS[name]
    go_on = asyncio.Event()

    async def answer(visit):
        visit.send(sse_head())
        for number, each in enumerate(events):
            if number and how == "one by one":
                await go_on.wait()
            visit.send(chunk(each))
            await visit.drained()
        if how == "without an end":
            await visit.gone()
        else:
            visit.send(chunk(b""))

    front, _ = await relay(answer, models=models)
    records = []
    front.house.pipeline.record._takers.append(records.extend)
    call = await front.open(body, path, HEADERS if body.startswith(b"--") else {})
    await call.holds(events[0])
    go_on.set()
    await call.ended()
    front.house.pipeline.record.flush()

    assert (200, b"".join(events), True) == (call.status, call.body, call.is_whole)
    assert tokens == (records[0].usage.prompt_tokens if records[0].usage is not None and tokens else None)


@pytest.mark.parametrize("name", [name for name, (*_, events, _) in STREAMS.items() if len(events) > 1])
async def test_a_stream_that_is_cut_says_so(relay, name):
    """An error event in the dialect's words, and no end that looks like one."""
    path, models, body, events, _ = STREAMS[name]

    async def answer(visit):
        visit.send(sse_head(), chunk(events[0]))
        await asyncio.sleep(0.05)
        visit.reset()

    front, _ = await relay(answer, models=models)

    call = await front.post(body, path, HEADERS if body.startswith(b"--") else {})

    assert call.body.startswith(events[0])
    assert b"closed the connection" in call.body
    assert b"[DONE]" not in call.body


async def test_an_error_within_a_stream_is_the_servers_own(relay):
    """Before content, another server is asked; after it, the client is told."""
    wrong = event("error", error={"message": "out of memory", "code": "oom"})

    async def fail(visit):
        visit.send(sse_head(), chunk(wrong), chunk(b""))

    async def answer(visit):
        visit.send(sse_head(), chunk(event("image_generation.completed", b64_json="A")), chunk(b""))

    front, *_ = await relay(fail, answer, models=DALLE)

    for _ in range(2):
        call = await front.post(draw(stream=True), IMAGES)

        assert (200, event("image_generation.completed", b64_json="A")) == (call.status, call.body)


async def test_a_server_without_streams_answers_at_once(relay):
    """As the reference allows: ``stream`` is ignored for whisper-1. The answer is what it is, JSON."""
    body = json.dumps({"text": "hello"}).encode()

    async def answer(visit):
        visit.send(plain(body))

    front, _ = await relay(answer, models=WHISPER)

    call = await front.post(upload(stream="true"), TRANSCRIPTIONS, HEADERS)

    assert (200, "application/json", body) == (call.status, call.headers["content-type"], call.body)


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "text/vtt", "application/x-subrip"])
async def test_transcripts_come_in_any_format(relay, kind):
    """``response_format`` is between the client and the server."""

    async def answer(visit):
        visit.send(plain("WEBVTT\n\nGröße\n".encode(), 200, f"content-type: {kind}"))

    front, _ = await relay(answer, models=WHISPER)

    call = await front.post(upload(response_format="vtt"), TRANSCRIPTIONS, HEADERS)

    assert (200, kind, "WEBVTT\n\nGröße\n") == (call.status, call.headers["content-type"], call.body.decode())


async def test_rankings_and_pictures_pass_as_json(relay):
    """Unknown members, too; a picture of several megabytes flows."""
    answers = {
        RERANK: {"results": [{"index": 0, "relevance_score": 0.5}], "x": 1},
        IMAGES: {"data": [{"b64_json": "A" * 3_000_000}]},
    }

    async def answer(visit):
        visit.send(plain(answers[visit.path]))

    front, _ = await relay(answer, models='["dall-e-3", "bge-reranker-v2-m3"]')

    ranked = await front.post(b'{"model":"bge-reranker-v2-m3","query":"q","documents":["a"]}', RERANK)
    drawn = await front.post(draw(), IMAGES)

    assert (200, answers[RERANK]) == (ranked.status, json.loads(ranked.body))
    assert (200, answers[IMAGES]) == (drawn.status, json.loads(drawn.body))


async def test_a_model_that_cannot_is_refused_before_anything_is_sent(relay):
    """400, with what it can do (32637000-F2); the form is gone by then."""

    async def answer(visit):
        raise AssertionError(visit.path)

    front, _ = await relay(answer, models='["tts-1"]')

    call = await front.post(upload(model="tts-1"), TRANSCRIPTIONS, HEADERS)

    assert (400, "model_capability_mismatch") == (call.status, call.error["code"])
    assert "it supports text-to-speech" in call.error["message"]
