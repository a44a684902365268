"""Sessions on a server in this process, with a scripted one behind it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import time
import wave

import openai
import pytest
from llmlb_api_realtime.session import Session, Surroundings
from llmlb_api_realtime.settings import RealtimeSettings
from llmlb_testing.forms import read_form
from llmlb_testing.upstream import plain
from websockets.exceptions import ConnectionClosed, InvalidStatus

DEADLINE_S = 20.0


def records_of(server):
    """Return what is recorded from now on."""

    class Records(list):
        on_end = list.append

    records = Records()
    server.doors.house.pipeline.record._feedbacks = {"test": records}
    return records


async def opened_in_time(server):
    """Return when there is room for a session."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                await server.open()
            except InvalidStatus:
                await asyncio.sleep(0.05)
            else:
                return


async def test_what_is_said_between_pauses_is_written_down_in_order(serve, said, tone, silence):
    """26006000-F18: two utterances, each a call of its own, with deltas before the whole."""
    texts = iter(["first words here", "second"])

    async def answer(visit):
        await said(next(texts))(visit)

    server = await serve(answer)
    client = await server.open()
    await client.append(silence(0.5) + tone(0.6) + silence(0.7) + tone(0.4) + silence(0.7))
    one = await client.until("completed")
    two = await client.until("completed")

    assert ["first words here", "second"] == [one["transcript"], two["transcript"]]
    assert {"type": "duration", "seconds": 1} == one["usage"]
    kinds = client.kinds()
    first = ["speech_started", "speech_stopped", "committed", "conversation.item.added"]
    assert first + first == [kind for kind in kinds if not kind.startswith(("transcription", "session"))]
    assert ["first", " words", " here", "second"] == [event["delta"] for event in client.events if "delta" in event]
    committed = [event for event in client.events if event["type"].endswith("committed")]
    assert [None, committed[0]["item_id"]] == [event["previous_item_id"] for event in committed]
    assert [each["item_id"] for each in committed] == [one["item_id"], two["item_id"]]


async def test_a_call_is_like_any_other(serve, said, tone, silence):
    """The sound as WAV, with the language and the prompt of the session; counted among the calls of this server."""
    server = await serve(said("hi"))
    records = records_of(server)
    client = await server.open()
    written = {"model": "whisper-1", "language": "en", "prompt": "Two\nlines"}
    await client.say("session.update", session={"type": "transcription", "audio": {"input": {"transcription": written}}})
    await client.append(tone(0.5) + silence(0.6))
    await client.until("completed")

    visit = server.upstream.visits[0]
    fields, files = read_form(visit.body, visit.headers)
    assert {**written, "stream": "true"} == dict(fields)
    assert "/v1/audio/transcriptions" == visit.path
    with wave.open(io.BytesIO(files[0][3])) as file:
        assert (24_000, 24_000) == (file.getframerate(), file.getnframes())
    assert [("whisper-1", "/v1/audio/transcriptions", 200)] == [(each.model, each.path, each.status) for each in records]


async def test_the_client_may_commit(serve, said, tone):
    """Without detection of turns, in binary frames; a server that streams nothing is understood too."""

    async def answer(visit):
        visit.send(plain({"text": "whole at once"}))

    server = await serve(answer)
    client = await server.open()
    await client.manual()
    await client.socket.send(tone(0.5))
    await client.say("input_audio_buffer.commit")

    assert "whole at once" == (await client.until("completed"))["transcript"]
    assert "speech_started" not in client.kinds()


async def test_telephones_are_heard(serve, said):
    """8 kHz in one byte a sample."""
    server = await serve(said("ring"))
    client = await server.open()
    heard = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
    await client.say("session.update", session={"type": "transcription", "audio": {"input": heard}})
    await client.append(b"\x80\x00" * 4000)
    await client.say("input_audio_buffer.commit")
    await client.until("completed")

    _, files = read_form(server.upstream.visits[0].body, server.upstream.visits[0].headers)
    with wave.open(io.BytesIO(files[0][3])) as file:
        assert (8000, 8000) == (file.getframerate(), file.getnframes())


async def test_beta_clients_get_their_shape(serve, said, tone, silence):
    """By the subprotocol or the header, with events of their names."""
    server = await serve(said("old"))
    client = await server.open(subprotocols=["realtime", "openai-beta.realtime-v1"])
    assert "realtime" == client.socket.subprotocol
    assert "transcription_session.created" == client.events[0]["type"]
    session = {"input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1"}}
    await client.say("transcription_session.update", session=session)
    updated = await client.until("transcription_session.updated")
    await client.append(tone(0.5) + silence(0.6))
    await client.until("completed")

    assert "pcm16" == updated["session"]["input_audio_format"]
    assert "conversation.item.created" in client.kinds()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("hello", "invalid_json"),
        ("", "invalid_json"),
        ("[]", "invalid_value"),
        ('{"type": 5}', "invalid_value"),
        ('{"type": "response.create", "event_id": "mine"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
        ('{"type": "input_audio_buffer.append", "audio": "*"}', "invalid_base64"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "invalid_audio"),
        (b"abc", "invalid_audio"),
        ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty"),
        ('{"type": "session.update"}', "invalid_type"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "nobody"}}}}}',
            "model_not_found",
        ),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "gpt-4"}}}}}',
            "model_capability_mismatch",
        ),
        ("[" * 100_000, "invalid_json"),
        ('"' + "a" * 70_000 + '"', "event_too_large"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_wrong_is_told_and_the_session_lives(serve, said, tone, silence, message, code):
    """What was seen, what was expected; the next utterance is written down."""
    server = await serve(
        said("still here"), "max_event_bytes = 70000" if code == "event_too_large" else "max_event_bytes = 1000000"
    )
    client = await server.open()
    await client.socket.send(message)
    error = await client.error()
    await client.append(tone(0.5) + silence(0.6), 24_000)

    assert code == error["code"]
    assert ("mine" if "mine" in str(message) else None) == error["event_id"]
    assert error["message"]
    assert "still here" == (await client.until("completed"))["transcript"]


async def test_a_session_without_a_model_says_so(serve, said, tone, silence):
    """At the first utterance; one that the URL names and is not there is told at the start."""
    server = await serve(said("hi"))
    client = await server.open("?intent=transcription&model=nobody")
    told = await client.error()
    await client.append(tone(0.5) + silence(0.6))

    assert "model_not_found" == told["code"]
    assert "missing_model" == (await client.error())["code"]


async def test_settings_name_who_writes(serve, said, tone, silence):
    """For sessions that do not; the intent may be left out."""
    server = await serve(said("hi"), 'model = "whisper-1"')
    client = await server.open("")
    await client.append(tone(0.5) + silence(0.6))

    assert "hi" == (await client.until("completed"))["transcript"]


async def test_a_failed_utterance_is_told_and_the_next_one_is_heard(serve, said, tone, silence):
    """With the error of the server that was asked."""
    answers = iter([400, 200])

    async def answer(visit):
        if next(answers) == 200:
            await said("better")(visit)
        else:
            visit.send(plain({"error": {"message": "too quiet", "type": "invalid_request_error", "code": "quiet"}}, status=400))

    server = await serve(answer)
    client = await server.open()
    await client.append(tone(0.5) + silence(0.6))
    failed = await client.until("failed")
    await client.append(tone(0.5) + silence(0.6))

    assert "too quiet" in failed["error"]["message"]
    assert "better" == (await client.until("completed"))["transcript"]


async def test_who_leaves_is_not_written_down(serve, tone, silence):
    """26006000-F18: the call is cancelled within a second, at the server that was asked too; there is no partial result."""
    asked = asyncio.Event()

    async def never(visit):
        asked.set()
        await visit.gone()

    server = await serve(never)
    client = await server.open()
    await client.append(tone(0.5) + silence(0.6))
    await asyncio.wait_for(asked.wait(), DEADLINE_S)
    left_at = time.monotonic()
    client.socket.transport.abort()
    await server.upstream.visits[0].gone()

    assert time.monotonic() - left_at < 1
    async with asyncio.timeout(1):
        while server.doors.house.pipeline.running.count:  # noqa: ASYNC110  # nothing tells a test when the last call ends
            await asyncio.sleep(0.01)


async def test_an_utterance_has_a_deadline(serve, tone, silence):
    """Of its own; the session goes on."""

    async def never(visit):
        await visit.gone()

    server = await serve(never, "transcription_timeout_s = 0.3")
    client = await server.open()
    await client.append(tone(0.5) + silence(0.6))
    failed = await client.until("failed")
    await client.say("input_audio_buffer.clear")

    assert "transcription_timeout" == failed["error"]["code"]
    await client.until("cleared")


async def test_sound_and_utterances_are_bounded(serve, said, tone):
    """What is too much is not taken; when there is room again it is."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait(visit):
        asked.set()
        await go_on.wait()
        await said("hi")(visit)

    server = await serve(wait, "max_sound_s = 5\nmax_waiting = 2")
    client = await server.open()
    await client.manual()
    await client.append(tone(6))
    full = await client.error()
    await client.say("input_audio_buffer.clear")
    for _ in range(4):
        await client.append(tone(0.5))
        await client.say("input_audio_buffer.commit")
        await asyncio.wait_for(asked.wait(), DEADLINE_S)  # the first one waits no more
    many = await client.error()
    go_on.set()
    for _ in range(3):
        await client.until("completed")
    await client.say("input_audio_buffer.commit")

    assert ("audio_buffer_full", "too_many_utterances") == (full["code"], many["code"])
    assert "hi" == (await client.until("completed"))["transcript"]


async def test_the_number_of_sessions_is_bounded(serve, said):
    """One more is refused before it is one, until another ends."""
    server = await serve(said("hi"), "max_sessions = 1")
    client = await server.open()
    with pytest.raises(InvalidStatus) as caught:
        await server.open()
    await client.socket.close()

    assert 503 == caught.value.response.status_code
    assert b"too_many_sessions" in caught.value.response.body
    assert "5" == caught.value.response.headers["retry-after"]
    await opened_in_time(server)


@pytest.mark.parametrize(
    ("settings", "code"), [("idle_timeout_s = 0.2", "session_idle"), ("max_session_s = 0.2", "session_expired")]
)
async def test_a_session_ends_when_its_time_is_over(serve, said, settings, code):
    """It is told why, and closed with 1008."""
    server = await serve(said("hi"), settings)
    client = await server.open()

    assert (1008, code) == await client.closed()
    assert code == client.events[-1]["error"]["code"]


async def test_a_client_that_reads_nothing_is_given_up():
    """What it leaves unread is bounded: its session ends, with 1008."""

    class Stuffed:
        closed = None

        async def receive(self):
            await asyncio.sleep(0)
            return "no JSON"

        async def send(self, data):
            await asyncio.Event().wait()

        async def close(self, code, reason=""):
            self.closed = code, reason

    socket = Stuffed()
    around = Surroundings(RealtimeSettings(), None, asyncio.Event())
    async with asyncio.timeout(DEADLINE_S):
        await Session(around, socket, None, is_beta=False).run(None)

    assert (1008, "client_reads_nothing") == socket.closed


async def test_a_server_that_stops_finishes_the_utterance(serve, said, tone):
    """The one that is being written down; those that wait are told, and the session is closed with 1001."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait(visit):
        asked.set()
        await go_on.wait()
        await said("in time")(visit)

    server = await serve(wait)
    client = await server.open()
    await client.manual()
    for _ in range(2):
        await client.append(tone(0.5))
        await client.say("input_audio_buffer.commit")
    await asyncio.wait_for(asked.wait(), DEADLINE_S)
    draining = asyncio.create_task(server.doors.house.pipeline.running.drain(10))
    await asyncio.sleep(0)
    go_on.set()
    ended = await client.closed()
    await draining

    assert (1001, "server_stops") == ended
    assert ["in time"] == [event["transcript"] for event in client.events if "transcript" in event]
    assert "shutting_down" in [event["error"]["code"] for event in client.events if event["type"].endswith("failed")]


async def test_a_message_beyond_all_limits_ends_the_connection(serve, said):
    """16 MiB: with 1009, and the server keeps nothing of what follows."""
    server = await serve(said("hi"))
    client = await server.open(max_size=None)
    with contextlib.suppress(ConnectionClosed):
        for _ in range(10):
            await client.socket.send(bytes(17 * 1024 * 1024))

    assert 1009 == (await client.closed())[0]


async def test_other_intents_and_plain_requests_are_refused(serve, said):
    """Before there is a websocket, in words."""
    server = await serve(said("hi"))
    with pytest.raises(InvalidStatus) as caught:
        await server.open("?intent=conversation")
    page = await server.doors.app.test_client().get("/v1/realtime")

    assert 400 == caught.value.response.status_code
    assert b"transcription" in caught.value.response.body
    assert (400, "websocket_expected") == (page.status_code, (await page.get_json())["error"]["code"])


async def test_the_official_client_speaks_to_it(serve, said, tone, silence):
    """Its types read every event."""
    server = await serve(said("hello there"))
    async with (
        openai.AsyncOpenAI(base_url=f"{server.doors.url}/v1", api_key="sk-x") as sdk,
        sdk.realtime.connect(model="whisper-1", extra_query={"intent": "transcription"}) as live,
    ):
        await live.session.update(
            session={
                "type": "transcription",
                "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}},
            }
        )
        await live.input_audio_buffer.append(audio=base64.b64encode(tone(0.5) + silence(0.5)).decode())
        events = []
        async with asyncio.timeout(DEADLINE_S):
            async for event in live:
                events.append(event)
                if event.type == "conversation.item.input_audio_transcription.completed":
                    break

    assert "hello there" == events[-1].transcript
    assert 300 == events[1].session.audio.input.turn_detection.silence_duration_ms
    assert ["session.created", "session.updated"] == [event.type for event in events[:2]]
