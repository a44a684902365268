"""The official SDK's calls for sound and pictures, relayed to a server that checks what it gets."""

from __future__ import annotations

import json
import os

import openai
import pytest
from llmlb_testing.forms import read_form
from llmlb_testing.upstream import chunk, plain, sse_head

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK says so of the models of two routes

MODELS = '["whisper-1", "gpt-4o-transcribe", "tts-1", "gpt-4o-mini-tts", "dall-e-2", "gpt-image-1"]'
PICTURES = {"created": 1, "data": [{"b64_json": "AAAA"}]}


@pytest.fixture
def plane() -> str:
    """SDKs come by the port."""
    return "wire"


@pytest.fixture
async def sdk(relay):
    """Returns a client of a server in front of one that answers by a script, and that one."""
    clients = []

    async def start(script):
        front, upstream = await relay(script, models=MODELS)
        host, port = front.address
        client = openai.AsyncOpenAI(base_url=f"http://{host}:{port}/v1", api_key="sk-x", max_retries=0)
        clients.append(client)
        return client, upstream

    yield start
    for client in clients:
        await client.close()


@pytest.mark.parametrize("size", [500_000, 5_000_000])
async def test_it_transcribes(sdk, size):
    """With every parameter that the SDK has."""
    sound = os.urandom(size)

    async def answer(visit):
        visit.send(plain({"text": "hello", "language": "english", "duration": 1.5, "segments": [], "task": "transcribe"}))

    client, upstream = await sdk(answer)

    told = await client.audio.transcriptions.create(
        file=("speech.mp3", sound, "audio/mpeg"),
        model="whisper-1",
        language="en",
        prompt="Hello.",
        response_format="verbose_json",
        temperature=0.2,
        timestamp_granularities=["word", "segment"],
    )

    assert ("hello", 1.5) == (told.text, told.duration)
    visit = upstream.visits[0]
    fields, files = read_form(visit.body, visit.headers)
    assert "/v1/audio/transcriptions" == visit.path
    assert [("file", "speech.mp3", "audio/mpeg", sound)] == files
    expected = {"model": "whisper-1", "language": "en", "prompt": "Hello.", "response_format": "verbose_json", "temperature": "0.2"}
    assert expected.items() <= dict(fields).items()
    assert ["word", "segment"] == [value for name, value in fields if name.startswith("timestamp_granularities")]


async def test_it_streams_a_transcript(sdk):
    """Event by event."""
    events = [{"type": "transcript.text.delta", "delta": "hel"}, {"type": "transcript.text.done", "text": "hello"}]

    async def answer(visit):
        visit.send(sse_head(), *(chunk(b"data: " + json.dumps(each).encode() + b"\n\n") for each in events), chunk(b""))

    client, _ = await sdk(answer)

    stream = await client.audio.transcriptions.create(file=("a.wav", b"RIFF"), model="gpt-4o-transcribe", stream=True)

    assert ["transcript.text.delta", "transcript.text.done"] == [event.type async for event in stream]


async def test_it_translates(sdk):
    """By the route of its own."""

    async def answer(visit):
        visit.send(plain({"text": visit.path}))

    client, _ = await sdk(answer)

    assert "/v1/audio/translations" == (await client.audio.translations.create(file=("a.wav", b"RIFF"), model="whisper-1")).text


async def test_it_speaks(sdk):
    """Piece by piece."""
    sound = os.urandom(300_000)

    async def answer(visit):
        assert {"model": "tts-1", "voice": "alloy", "input": "hi", "response_format": "opus"} == visit.json
        visit.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/opus\r\ntransfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(sound), 50_000):
            visit.send(chunk(sound[at : at + 50_000]))
        visit.send(chunk(b""))

    client, _ = await sdk(answer)

    async with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="hi", response_format="opus"
    ) as response:
        pieces = [piece async for piece in response.iter_bytes()]

    assert ("audio/opus", sound) == (response.headers["content-type"], b"".join(pieces))


async def test_it_draws_edits_and_varies(sdk):
    """Pictures in, pictures out."""

    async def answer(visit):
        visit.send(plain(PICTURES))

    client, upstream = await sdk(answer)
    png = b"\x89PNG\r\n\x1a\n" + os.urandom(1_500_000)

    drawn = await client.images.generate(model="dall-e-2", prompt="a circle", n=1, response_format="b64_json")
    edited = await client.images.edit(
        model="gpt-image-1", image=[("a.png", png, "image/png"), ("b.png", b"b", "image/png")], mask=("m.png", b"m"), prompt="red"
    )
    varied = await client.images.create_variation(model="dall-e-2", image=("a.png", png, "image/png"), n=2)

    assert ["AAAA"] * 3 == [answer.data[0].b64_json for answer in (drawn, edited, varied)]
    fields, files = read_form(upstream.visits[1].body, upstream.visits[1].headers)
    assert {"model": "gpt-image-1", "prompt": "red"} == dict(fields)
    assert [("a.png", png), ("b.png", b"b"), ("m.png", b"m")] == [(name, data) for _, name, _, data in files]
    assert "/v1/images/variations" == upstream.visits[2].path


async def test_it_streams_a_picture(sdk):
    """Partial ones first; the last event carries the usage."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    last = {"type": "image_generation.completed", "b64_json": "AAAA", "usage": usage}
    events = [{"type": "image_generation.partial_image", "b64_json": "AA", "partial_image_index": 0}, last]

    async def answer(visit):
        visit.send(sse_head())
        for each in events:
            visit.send(chunk(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode()))
        visit.send(chunk(b""))

    client, _ = await sdk(answer)

    stream = await client.images.generate(model="gpt-image-1", prompt="x", stream=True, partial_images=1)

    assert [each["b64_json"] for each in events] == [event.b64_json async for event in stream]


async def test_its_errors_are_the_documented_ones(sdk):
    """413 and 415 as the SDK's own classes."""

    async def answer(visit):
        raise AssertionError(visit.path)

    client, _ = await sdk(answer)

    with pytest.raises(openai.APIStatusError) as refused:
        await client.audio.transcriptions.create(file=("a.wav", bytes(26 * 1024 * 1024 + 1)), model="whisper-1")
    with pytest.raises(openai.BadRequestError) as mismatch:
        await client.audio.transcriptions.create(file=("a.wav", b"x"), model="tts-1")

    assert (413, "file_too_large") == (refused.value.status_code, refused.value.code)
    assert "model_capability_mismatch" == mismatch.value.code
