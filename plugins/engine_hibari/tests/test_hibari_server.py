"""Speech from a real server, by the official client, decoded again."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time

import av
import numpy as np
import openai
import pytest
from hibari import Hibari
from llmlb_testing.real_models import real_model_path
from llmlb_testing.server import LiveServer, run_llmlb

pytestmark = pytest.mark.model

TEXT = "The ships came home at night. Nobody saw them."
FORMATS = {"mp3": "mp3float", "opus": "opus", "aac": "aac", "flac": "flac", "wav": "pcm_s16le"}


@pytest.fixture(scope="module")
def server(voice_file, tmp_path_factory):
    """A server with the voice as ``models add`` installs it."""
    data_dir = tmp_path_factory.mktemp("hibari") / "data"
    added = run_llmlb(data_dir, "models", "add", "pypi:hibari-tts==0.2.1")
    assert 0 == added.returncode, added.stderr
    started = LiveServer.start(data_dir)
    yield started
    started.stop()


@pytest.fixture
def client(server):
    """The official client."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=60) as made:
        yield made


def speak(client, **wishes):
    """Return the bytes of a spoken text."""
    return client.audio.speech.create(**{"model": "hibari", "voice": "nova", "input": TEXT, **wishes}).content


def decoded(data):
    """Return codec, rate and samples of a sound file."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=24_000)
        frames = [out for frame in container.decode(stream) for out in resampler.resample(frame)] + resampler.resample(None)
        sound = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
        return stream.codec_context.name, stream.rate, sound


@pytest.fixture(scope="module")
def direct():
    """What the library itself says."""
    return Hibari(model=str(real_model_path("pypi:hibari-tts==0.2.1")))(TEXT, seed=0)


@pytest.mark.parametrize("wanted", list(FORMATS))
def test_every_format_can_be_played(client, direct, wanted):
    """26006000-F2, F14, F24: another program reads it, and it is as long as what was said."""
    codec, _, sound = decoded(speak(client, response_format=wanted))

    assert codec == FORMATS[wanted]
    assert len(sound) / 24_000 == pytest.approx(len(direct) / 24_000, abs=0.15)
    assert np.abs(sound).max() > 0.1


def test_pcm_is_the_library_called_directly(client, direct):
    """Sample by sample, in 16 bits."""
    through = np.frombuffer(speak(client, response_format="pcm"), "<i2")

    assert np.array_equal(through, (np.clip(direct, -1, 1) * 32767).astype("<i2"))


def test_the_first_sentence_is_heard_before_the_last_is_made(client):
    """26006000-F24: the answer has no length, for nobody knows it when it begins; it comes in many pieces."""
    text = " ".join([TEXT] * 20)
    with client.audio.speech.with_streaming_response.create(
        model="hibari", voice="nova", input=text, response_format="pcm"
    ) as answer:
        pieces = [len(piece) for piece in answer.http_response.iter_raw()]

    assert "content-length" not in answer.headers
    assert answer.headers["content-type"].startswith("audio/pcm")
    assert len(pieces) > 2


def test_events_bring_the_same_sound(client, server):
    """``stream_format: sse``: pieces in base64, then the end."""
    with client.audio.speech.with_streaming_response.create(
        model="hibari", voice="nova", input=TEXT, response_format="pcm", stream_format="sse"
    ) as answer:
        lines = [line for line in answer.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line != "data: [DONE]"]

    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == speak(client, response_format="pcm")


def test_mp3_has_128_kbit_a_second(client):
    """26006000-F14."""
    with av.open(io.BytesIO(speak(client))) as container:
        assert container.streams.audio[0].codec_context.bit_rate == 128_000


def test_a_listener_who_leaves_is_let_go_of(server, client):
    """The call ends, and its voice speaks for the next one."""
    with client.audio.speech.with_streaming_response.create(
        model="hibari", voice="nova", input=" ".join([TEXT] * 100), response_format="pcm"
    ) as answer:
        next(answer.http_response.iter_raw())
    deadline = time.monotonic() + 10
    while not any('"ending":"cancelled"' in line for line in tuple(server.log)):
        assert time.monotonic() < deadline, "the call goes on"
        time.sleep(0.02)

    assert len(speak(client, input="Hi.", response_format="pcm")) > 1000


@pytest.mark.parametrize("voice", ["alloy", "echo", "fable", "onyx", "nova", "shimmer", "heart"])
def test_openais_voices_are_known(client, voice):
    """26006000-F6: the six names, and the voice's own."""
    assert len(speak(client, voice=voice, input="Hi.", response_format="pcm")) > 1000


@pytest.mark.parametrize(("speed", "factor"), [(0.25, 4), (0.5, 2), (2.0, 0.5), (4.0, 0.25)])
def test_speed_is_kept(client, direct, speed, factor):
    """26006000-F15, about: pauses between words are not as elastic as words."""
    length = len(speak(client, speed=speed, response_format="pcm")) / 2

    assert length == pytest.approx(len(direct) * factor, rel=0.3)


@pytest.mark.parametrize(
    ("wishes", "status", "code", "param"),
    [
        ({"input": ""}, 400, "empty_input", "input"),
        ({"input": "   "}, 400, "empty_input", "input"),
        ({"input": "🙂"}, 400, "empty_input", "input"),
        ({"input": "a" * 5001}, 400, "string_above_max_length", "input"),
        ({"input": "Привет"}, 400, "unsupported_language", "input"),
        ({"input": "你好"}, 400, "unsupported_language", "input"),
        ({"voice": "nobody"}, 400, "invalid_voice", "voice"),
        ({"response_format": "midi"}, 400, "invalid_format", "response_format"),
        ({"speed": 5}, 400, "invalid_speed", "speed"),
        ({"speed": 0.1}, 400, "invalid_speed", "speed"),
        ({"instructions": "Whisper."}, 400, "unsupported_parameter", "instructions"),
        ({"extra_body": {"pitch": 2}}, 400, "unsupported_parameter", "pitch"),
        ({"extra_body": {"tone": "sad"}}, 400, "unsupported_parameter", "tone"),
        ({"model": "nobody"}, 404, "model_not_found", "model"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_spoken_is_told(client, wishes, status, code, param):
    """26006000-F25: the code, the parameter; and the voice goes on."""
    with pytest.raises(openai.APIStatusError) as caught:
        speak(client, **wishes)

    assert (caught.value.status_code, caught.value.code, caught.value.param) == (status, code, param)
    assert len(speak(client, input="Hi.", response_format="pcm")) > 1000


def test_a_model_of_another_kind_does_not_speak(client):
    """6c2d9f1e-F11: and a voice does not chat."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="hibari", messages=[{"role": "user", "content": "Hi"}])

    assert caught.value.code == "model_capability_mismatch"


async def test_fifty_calls_at_a_time_are_all_answered(server):
    """The digest's 50 concurrent calls: none is lost, all the same."""
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=60) as client:
        answers = await asyncio.gather(
            *(
                client.audio.speech.create(model="hibari", voice="nova", input="Hello there.", response_format="pcm")
                for _ in range(50)
            )
        )

    assert len({answer.content for answer in answers}) == 1
