"""Transcripts from a real server, by the official client."""

from __future__ import annotations

import asyncio
import io
import json
import re

import av
import numpy as np
import openai
import pytest
from faster_whisper import WhisperModel
from llmlb_testing.server import LiveServer, run_llmlb

pytestmark = pytest.mark.model

SENTENCES = "The ships came home at night. Nobody saw them in the harbor. The keeper of the lighthouse was asleep."
CUE = re.compile(r"(\d\d:\d\d:\d\d[.,]\d{3}) --> (\d\d:\d\d:\d\d[.,]\d{3})\n(.+)")


@pytest.fixture(scope="module")
def server(whisper, tmp_path_factory):
    """A server with the model as ``models add`` installs it."""
    data_dir = tmp_path_factory.mktemp("whisper") / "data"
    added = run_llmlb(data_dir, "models", "add", f"file:{whisper.parent}", "--name", "whisper-1")
    assert 0 == added.returncode, added.stderr
    started = LiveServer.start(data_dir, "[server]\nmax_body_bytes = 40000000\n")
    yield started
    started.stop()


@pytest.fixture
def client(server):
    """The official client."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=110) as made:
        yield made


def write_down(client, data, name="speech.wav", **wishes):
    """Return the transcript of a file."""
    return client.audio.transcriptions.create(model="whisper-1", file=(name, data), **wishes)


def words(text):
    """Return the words of *text*, without case and punctuation."""
    return re.findall(r"[a-z]+", text.lower())


def encoded(wav, container, codec):
    """Return a WAV file as another one."""
    out = io.BytesIO()
    with av.open(io.BytesIO(wav)) as source, av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=24_000 if codec != "libopus" else 48_000, layout="mono")
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def test_every_word_is_right(client, wav):
    """26006000-F1: of a clear voice; the same words as the library called directly finds."""
    assert words(write_down(client, wav).text) == words(SENTENCES)


def test_the_text_is_the_librarys(client, wav, speech, whisper):
    """Word for word, with the same settings."""
    model = WhisperModel(str(whisper.parent), compute_type="int8", cpu_threads=1)
    segments, _ = model.transcribe(np.frombuffer(speech.data, "<f4"), language="en")

    assert write_down(client, wav).text == "".join(segment.text for segment in segments).strip()


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libopus"), ("mp4", "aac"), ("webm", "libopus")],
)
def test_every_format_is_read(client, wav, container, codec):
    """26006000-F3: told by what is in the file, not by its name."""
    assert words(write_down(client, encoded(wav, container, codec), "sound").text) == words(SENTENCES)


def test_cues_have_times_of_their_own(client, wav):
    """26006000-F23: SubRip and WebVTT with a cue a segment, one after the other."""
    srt, vtt = (write_down(client, wav, response_format=form) for form in ("srt", "vtt"))
    cues = CUE.findall(srt)

    assert len(cues) > 1
    assert [cue[2] for cue in cues] == [cue[2] for cue in CUE.findall(vtt)]
    assert words(" ".join(cue[2] for cue in cues)) == words(SENTENCES)
    assert [time for cue in cues for time in cue[:2]] == sorted(time for cue in cues for time in cue[:2])
    assert srt.startswith("1\n00:00:0")
    assert "," in cues[0][0]
    assert vtt.startswith("WEBVTT\n\n00:00:0")


def test_plain_text_is_nothing_but_that(client, wav):
    """A line."""
    text = write_down(client, wav, response_format="text")

    assert words(text) == words(SENTENCES)
    assert text.count("\n") == 1


def test_the_long_form_tells_segments_and_words(client, wav):
    """26006000-F10, F23: language, length, times of segments; and of words where they are asked for."""
    plain = write_down(client, wav, response_format="verbose_json")
    both = write_down(client, wav, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    only = write_down(client, wav, response_format="verbose_json", timestamp_granularities=["word"])

    assert plain.language == "english"
    assert plain.duration == pytest.approx(7, abs=3)
    assert [segment.id for segment in plain.segments] == list(range(len(plain.segments)))
    assert plain.words is None
    assert words(" ".join(word.word for word in both.words)) == words(SENTENCES)
    assert all(0 <= word.start <= word.end <= both.duration + 1 for word in both.words)
    assert only.segments is None


def test_a_stream_tells_what_was_said_so_far(client, wav):
    """Deltas that make up the text, then all of it."""
    events = list(write_down(client, wav, stream=True))

    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert len(events) > 2
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == "".join(event.delta for event in events[:-1])
    assert words(events[-1].text) == words(SENTENCES)


def test_translations_are_english(client, wav):
    """What is English stays so; this model knows nothing else."""
    with pytest.warns(DeprecationWarning, match="deprecated"):  # the client warns of the whole route
        answer = client.audio.translations.create(model="whisper-1", file=("a.wav", wav))

    assert words(answer.text) == words(SENTENCES)


def test_a_prompt_and_silence_detection_are_taken(client, wav):
    """They change how it listens, not that it hears."""
    found = write_down(client, wav, prompt="Harbor, lighthouse.", temperature=0.2, chunking_strategy="auto", language="en")

    assert "lighthouse" in found.text


def test_silence_is_an_empty_text(client, wav_of):
    """The digest's edge: nothing is made up."""
    assert write_down(client, wav_of(np.zeros(24_000 * 3, np.float32))).text == ""


@pytest.mark.parametrize(
    ("data", "wishes", "status", "code"),
    [
        (b"", {}, 400, "empty_file"),
        (b"hello, I am a text in a file that is called .wav", {}, 400, "unsupported_format"),
        (b"RIFF\xff\xff\xff\xffWAVEjunk", {}, 400, "invalid_audio"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", {}, 400, "unsupported_format"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", {}, 400, "unsupported_format"),
        (bytes(26 * 1024 * 1024), {}, 413, "file_too_large"),
        (None, {"response_format": "pdf"}, 400, "invalid_format"),
        (None, {"temperature": 3}, 400, None),
        (None, {"language": "english"}, 400, None),
        (None, {"language": "de"}, 400, "unsupported_language"),
        (None, {"extra_body": {"timestamp_granularities": ["syllable"]}}, 400, None),
        (None, {"stream": True, "response_format": "srt"}, 400, "unsupported_parameter"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_written_down_is_told(client, wav, data, wishes, status, code):
    """26006000-F25: with a code, and the model goes on."""
    with pytest.raises(openai.APIStatusError) as caught:
        list(write_down(client, wav if data is None else data, **wishes))

    assert caught.value.status_code == status
    assert code in (None, caught.value.code)
    assert words(write_down(client, wav).text) == words(SENTENCES)


def test_a_picture_has_no_sound(client):
    """A film without a track of sound, or a picture: ``invalid_audio``."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        stream = target.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(3):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        target.mux(stream.encode(None))

    with pytest.raises(openai.BadRequestError) as caught:
        write_down(client, out.getvalue(), "a.mp4")

    assert caught.value.code == "invalid_audio"


def test_a_recording_of_an_hour_is_413(client):
    """26006000-F11, F17: however small its file is; nothing is cut off in silence."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as target:
        stream = target.add_stream("flac", rate=16_000, layout="mono")
        for _ in range(31):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000 * 60), np.int16), format="s16", layout="mono")
            frame.sample_rate = 16_000
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))

    with pytest.raises(openai.APIStatusError) as caught:
        write_down(client, out.getvalue(), "long.flac")

    assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")


def test_a_missing_file_is_told(client, server):
    """26006000-F25: a field of that name is no file."""
    import urllib.error
    import urllib.request

    body = b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n'
    headers = {"authorization": f"Bearer {server.key}", "content-type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(f"{server.url}/v1/audio/transcriptions", body, headers)

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    error = json.loads(caught.value.read())["error"]

    assert (caught.value.code, error["code"], error["param"]) == (400, "missing_file", "file")


async def test_fifty_recordings_at_a_time_are_all_written_down(server, voice, wav_of):
    """26006000: 50 concurrent requests, none lost, each with its own words."""
    numbers = ["one", "two", "three", "four", "five"]
    recordings = [wav_of(voice(f"This is number {number}.", seed=0)) for number in numbers]
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=110) as client:
        answers = await asyncio.gather(
            *(client.audio.transcriptions.create(model="whisper-1", file=("n.wav", recordings[at % 5])) for at in range(50))
        )

    assert len({answer.text for answer in answers}) == 5
    assert all(answers[at].text == answers[at % 5].text for at in range(50))
