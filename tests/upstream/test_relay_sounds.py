"""Recordings in chats: passed on as they are, or written down for models that take none."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode

import pytest
from llmlb_testing.forms import read_form
from llmlb_testing.upstream import DONE, chunk, completion, delta, plain, sse_head

from .conftest import CHAT, records_of

MIB = 1024 * 1024
TRANSCRIPTIONS = "/v1/audio/transcriptions"
RESPONSES = "/v1/responses"
MODELS = '["m", "whisper-1", "gpt-4o-audio-preview"]'
LOCAL = '[audio]\ntranscribe_with = "whisper-1"\n'
ALL = LOCAL + 'transcribe_for = "all"\n'
ECHO = '[models.echo]\nengine = "echo"\n'
USAGE = {"type": "tokens", "input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
WAV = b"RIFF\x24\0\0\0WAVEfmt "


def sound(data: bytes | str = WAV, kind: str = "wav") -> dict:
    """Return a part with a recording; text is taken for base64."""
    return {
        "type": "input_audio",
        "input_audio": {"data": data if isinstance(data, str) else b64encode(data).decode(), "format": kind},
    }


def asking(*parts: dict, model: str = "m", **fields: object) -> bytes:
    """Return a chat with *parts* behind a question."""
    content = [{"type": "text", "text": "What is said here?"}, *parts]
    return json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **fields}).encode()


def headers_of(body: bytes) -> dict[str, str]:
    """Return the header that ASGI servers hand on, and the wire's client writes itself."""
    return {"content-length": str(len(body))}


async def answer(visit) -> None:
    """Write down what the recording's bytes are, and answer every chat."""
    if visit.path == TRANSCRIPTIONS:
        _, files = read_form(visit.body, visit.headers)
        visit.send(plain({"text": f" I am {len(files[0][3])} bytes.", "usage": USAGE}))
    elif visit.json.get("stream"):
        visit.send(sse_head(), chunk(delta("hello") + DONE), chunk(b""))
    else:
        visit.send(plain(completion("hello")))


def visits(upstream, path: str = CHAT) -> list:
    """Return what *upstream* was asked there."""
    return [visit for visit in upstream.visits if visit.path == path]


def contents(upstream) -> list:
    """Return the parts of the chats that *upstream* got."""
    return [visit.json["messages"][0]["content"][1:] for visit in visits(upstream)]


async def spool_is_empty(front) -> None:
    """Return when nothing lies in the spool any more."""
    async with asyncio.timeout(10):
        while list((front.house.settings.data_dir / "uploads").iterdir()):  # noqa: ASYNC110  # a thread deletes them
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("tail", ["", LOCAL])
async def test_a_server_gets_a_recording_as_it_was_sent(relay, tail):
    """Nobody knows whether its model takes sound: it may say so itself."""
    front, upstream = await relay(answer, models=MODELS, tail=tail)
    body = asking(sound(), sound("no base64", "tape"))

    call = await front.post(body)

    assert 200 == call.status
    assert body == bytes(upstream.visits[0].body)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_takes_no_sound_gets_transcripts(relay, stream):
    """Each in the place of its recording, marked as what it is; everything else stays."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL)
    between = {"type": "text", "text": "and"}

    call = await front.post(asking(sound(bytes(10)), between, sound(bytes(2_000_000), "mp3"), stream=stream, seed=7))

    assert (200, True) == (call.status, b"hello" in call.body)
    told = [{"type": "text", "text": f"[audio transcript] I am {size} bytes."} for size in (10, 2_000_000)]
    assert [[told[0], between, told[1]]] == contents(upstream)
    assert ("m", 7) == (visits(upstream)[0].json["model"], visits(upstream)[0].json["seed"])
    forms = [read_form(visit.body, visit.headers) for visit in visits(upstream, TRANSCRIPTIONS)]
    assert [{"model": "whisper-1", "response_format": "json"}] * 2 == [dict(fields) for fields, _ in forms]
    seen = [file for _, files in forms for file in files]
    assert [("file", "recording-1.wav", "audio/wav"), ("file", "recording-2.mp3", "audio/mpeg")] == [file[:3] for file in seen]
    assert [bytes(10), bytes(2_000_000)] == [file[3] for file in seen]
    await spool_is_empty(front)


async def test_responses_have_recordings_too(relay):
    """Their texts are ``input_text``."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL)
    content = [{"type": "input_text", "text": "What?"}, sound()]

    call = await front.post(json.dumps({"model": "m", "input": [{"role": "user", "content": content}]}).encode(), RESPONSES)

    assert 200 == call.status
    (asked,) = visits(upstream, RESPONSES)
    told = {"type": "input_text", "text": f"[audio transcript] I am {len(WAV)} bytes."}
    assert [content[0], told] == asked.json["input"][0]["content"]


async def test_a_model_that_takes_sound_gets_the_recording(relay):
    """Its name says that it does; as would a server, or the operator."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL)
    body = asking(sound(), model="gpt-4o-audio-preview")

    call = await front.post(body)

    assert (200, [body]) == (call.status, [bytes(visit.body) for visit in upstream.visits])


async def test_a_model_of_this_machine_hears_of_it(relay):
    """Of ``[audio] transcribe_for`` it is all one: it could not be given the recording."""
    front, upstream = await relay(answer, models=MODELS, tail=LOCAL + ECHO, plugin="engine_echo")

    call = await front.post(asking(sound(), model="echo"))

    said = json.loads(call.body)["choices"][0]["message"]["content"]
    assert f"[audio transcript] I am {len(WAV)} bytes." in said
    assert [TRANSCRIPTIONS] == [visit.path for visit in upstream.visits]


async def test_without_the_setting_it_is_refused(relay):
    """5fc9fe92-F12: 400 before anything waits, and the operator learns what to set."""
    front, upstream = await relay(answer, models=MODELS, tail=ECHO, plugin="engine_echo")

    call = await front.post(asking(sound(), model="echo"))

    assert (400, "model_capability_mismatch", "model") == (call.status, call.error["code"], call.error["param"])
    assert "[audio] transcribe_with" in call.error["message"]
    assert [] == upstream.visits


async def test_silence_is_told(relay):
    """An empty transcript would leave the model guessing."""

    async def hear_nothing(visit):
        visit.send(plain({"text": ""}) if visit.path == TRANSCRIPTIONS else plain(completion("hello")))

    front, upstream = await relay(hear_nothing, models=MODELS, tail=ALL)

    await front.post(asking(sound()))

    assert [[{"type": "text", "text": "[audio transcript] (nothing was said)"}]] == contents(upstream)


BAD = [
    (sound("@@@@"), 400, "invalid_base64", "data"),
    (sound("AAA"), 400, "invalid_base64", "data"),
    (sound("ÄÄÄÄ"), 400, "invalid_base64", "data"),
    (sound("data:audio/wav;base64,AAAA"), 400, "invalid_base64", "data"),
    (sound("AA==" * 100_000), 400, "invalid_base64", "data"),
    (sound("A" * 65_534 + "==" + "AAAA"), 400, "invalid_base64", "data"),
    (sound(""), 400, "empty_file", "data"),
    ({"type": "input_audio", "input_audio": {"format": "wav"}}, 400, "empty_file", "data"),
    ({"type": "input_audio", "input_audio": "AAAA"}, 400, "unsupported_format", "format"),
    ({"type": "input_audio"}, 400, "unsupported_format", "format"),
    (sound(WAV, "tape"), 400, "unsupported_format", "format"),
    (sound(bytes(2000)), 413, "file_too_large", "data"),
]


@pytest.mark.parametrize(("part", "status", "code", "member"), BAD, ids=[f"{number}-{each[2]}" for number, each in enumerate(BAD)])
async def test_a_recording_that_is_none_is_refused(relay, part, status, code, member):
    """With the code and the place, before anything is sent anywhere; the next chat is served."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL + "max_bytes = 1024\n" if status == 413 else ALL)

    call, good = await front.post(asking(sound(), part)), await front.post(asking(sound()))

    assert (status, code, "invalid_request_error") == (call.status, call.error["code"], call.error["type"])
    assert f"messages[0].content[2].input_audio.{member}" == call.error["param"]
    assert (200, [TRANSCRIPTIONS, CHAT]) == (good.status, [visit.path for visit in upstream.visits])
    await spool_is_empty(front)


async def test_eleven_recordings_are_too_many(relay):
    """Ten are taken."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL)

    eleven, ten = await front.post(asking(*[sound()] * 11)), await front.post(asking(*[sound()] * 10))

    assert (400, "too_many_recordings", 200) == (eleven.status, eleven.error["code"], ten.status)
    assert "messages[0].content[11]" == eleven.error["param"]
    assert 10 == len(visits(upstream, TRANSCRIPTIONS))


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (plain({"error": {"message": "This is no sound.", "code": "x"}}, 400), 400, "invalid_audio"),
        (plain({"error": {"message": "This is no sound."}}, 404), 502, "bad_gateway"),
        (plain({"error": {"message": "I am ill."}}, 500), 502, "bad_gateway"),
        (plain({"words": "hello"}), 502, "bad_gateway"),
        (plain({"text": "x" * 5_000_000}), 502, "bad_gateway"),
    ],
    ids=["refused", "not found", "broken", "no text", "endless"],
)
async def test_what_cannot_be_written_down_is_told(relay, reply, status, code):
    """By the place of the recording; the chat is sent nowhere."""

    async def fail(visit):
        visit.send(reply)

    front, upstream = await relay(fail, models=MODELS, tail=ALL + "[dispatch]\nback_off_s = 0.01\n")

    call = await front.post(asking(sound()))

    assert (status, code) == (call.status, call.error["code"])
    assert "messages[0].content[1].input_audio.data" == call.error["param"]
    assert [] == visits(upstream)


@pytest.mark.parametrize("model", ["nobody", "m"])
async def test_a_wrong_setting_is_503_and_named(relay, model):
    """A model that is not here, or that writes nothing down: nothing the client could do better."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL.replace("whisper-1", model))

    call = await front.post(asking(sound()))

    assert (503, "no_capable_nodes") == (call.status, call.error["code"])
    assert f"'{model}' here ([audio] transcribe_with)" in call.error["message"]
    assert [] == upstream.visits


async def test_it_is_recorded_as_a_transcription_beside_the_chat(relay):
    """Two calls of one principal; the id of one leads to the other, and no token is counted twice."""
    front, _ = await relay(answer, models=MODELS, tail=ALL)
    records = records_of(front)

    call = await front.post(asking(sound()))

    heard, chat = records
    assert (f"{call.headers['x-request-id']}-sound-1", call.headers["x-request-id"]) == (heard.id, chat.id)
    assert ("transcription", "whisper-1", TRANSCRIPTIONS) == (heard.operation, heard.model, heard.path)
    assert ("chat", "m", CHAT) == (chat.operation, chat.model, chat.path)
    assert heard.principal == chat.principal
    assert ("finished", 200, 7, len(WAV)) == (heard.ending, heard.status, heard.usage.prompt_tokens, heard.bytes_in - 13)
    assert heard.usage != chat.usage
    assert heard.duration_s <= chat.duration_s


async def test_one_place_is_enough(relay):
    """The transcription is over before the chat asks for its place: nobody waits for itself."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL, extra="max_in_flight = 1")

    call = await front.post(asking(sound(), sound()))

    assert 200 == call.status
    assert [TRANSCRIPTIONS, TRANSCRIPTIONS, CHAT] == [visit.path for visit in upstream.visits]


async def test_who_leaves_is_not_listened_to(relay):
    """The transcription ends within a second of its chat, with all that it held."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def listen(visit):
        asked.set()
        await visit.gone()
        gone.set()

    front, upstream = await relay(listen, models=MODELS, tail=ALL)
    records = records_of(front)
    call = await front.open(asking(sound(bytes(2_000_000))))
    async with asyncio.timeout(10):
        await asked.wait()

    call.leave()

    async with asyncio.timeout(1):
        await gone.wait()
    await front.idle()
    assert ["cancelled", "cancelled"] == [record.ending for record in records]
    assert [] == visits(upstream)
    await spool_is_empty(front)


async def test_a_stream_is_kept_open_while_it_is_written_down(relay):
    """A long recording takes longer than some proxies wait; what goes wrong then is told in the stream."""
    go_on = asyncio.Event()

    async def listen_long(visit):
        if visit.path == TRANSCRIPTIONS:
            await go_on.wait()
        await answer(visit)

    front, _ = await relay(listen_long, models=MODELS, tail=ALL + "[server]\nheartbeat_s = 0.05\n")
    call = await (await front.open(asking(sound(), stream=True))).holds(b": waiting")

    go_on.set()
    await call.ended()

    assert (200, True) == (call.status, call.body.endswith(DONE))


async def test_a_chat_may_be_as_large_as_a_recording(relay):
    """25 MiB in base64 are 35 MB; of one recording, and of a body."""
    front, upstream = await relay(answer, models=MODELS, tail=ALL)
    largest, larger, largest_body = asking(sound(bytes(25 * MIB))), asking(sound(bytes(25 * MIB + 1))), b" " * 37 * MIB

    calls = [
        await front.post(body, CHAT, headers_of(body) if front.plane == "asgi" else {}) for body in (largest, larger, largest_body)
    ]

    assert [200, 413, 413] == [call.status for call in calls]
    assert ["file_too_large", "body_too_large"] == [call.error["code"] for call in calls[1:]]
    assert [[{"type": "text", "text": f"[audio transcript] I am {25 * MIB} bytes."}]] == contents(upstream)
    await spool_is_empty(front)


@pytest.mark.parametrize("tail", ["", LOCAL])
async def test_other_bodies_stay_as_small(relay, tail):
    """Where nothing is written down, and on routes without recordings: ``[server] max_body_bytes``."""
    front, upstream = await relay(answer, models=MODELS, tail=tail)
    body = asking(sound(bytes(16 * MIB)))

    call = await front.post(body, "/v1/completions" if tail else CHAT, headers_of(body) if front.plane == "asgi" else {})

    assert (413, "body_too_large") == (call.status, call.error["code"])
    assert [] == upstream.visits


async def test_few_large_chats_are_taken_at_a_time(relay):
    """Memory has a bound: the next one is told to come back, small ones are served, and a place is given back."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def listen_long(visit):
        if visit.path == TRANSCRIPTIONS and len(visit.body) > MIB:
            asked.set()
            await go_on.wait()
        await answer(visit)

    front, _ = await relay(listen_long, models=MODELS, tail=ALL + "large_body_count = 1\n")
    body = asking(sound(bytes(16 * MIB)))
    headers = headers_of(body) if front.plane == "asgi" else {}
    first = await front.open(body, CHAT, headers)
    async with asyncio.timeout(10):
        await asked.wait()

    refused, small = await front.post(body, CHAT, headers), await front.post(asking(sound()))
    go_on.set()
    await first.ended()
    after = await front.post(body, CHAT, headers)

    assert [503, 200, 200, 200] == [call.status for call in (refused, small, first, after)]
    assert ("no_room_for_upload", "5") == (refused.error["code"], refused.headers["retry-after"])
