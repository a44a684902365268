"""Speech goes out while it is made, and ends when nobody listens any more."""

from __future__ import annotations

import asyncio
import struct
import threading

import pytest

from llmlb_core import AudioChunk, Cancel, Fit, LocalModel, ModelFacts, Samples, SpeechEngine, SpeechRequest
from llmlb_core.worker.generation import generate

SECOND = Samples(struct.pack("<f", 0.25) * 24_000, 24_000)


class Speaker(SpeechEngine):
    """Says a second, waits for the gate, says another."""

    name = "speaker"
    voices = ("nova",)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.has_ended = threading.Event()

    @classmethod
    def fit(cls, facts, devices):
        return Fit(1.0, 0, "always")

    def load(self, model, placement, options): ...

    def speak(self, request, cancel):
        try:
            yield SECOND
            while not self.gate.wait(0.01):
                if cancel.is_set:
                    return
            yield SECOND
        finally:
            self.has_ended.set()


def spoken(engine, wanted, cancel=None):
    """Return what the harness yields."""
    model = LocalModel("speaker", ModelFacts(format=""))
    return generate(engine, model, SpeechRequest(input="Hi.", voice="nova", format=wanted), cancel or Cancel())


@pytest.mark.parametrize("wanted", ["wav", "pcm", "mp3", "opus", "aac", "flac"])
async def test_what_is_said_is_heard_before_the_rest_is_thought_of(wanted):
    """26006000-F24: the engine waits for a gate that opens only when the first bytes are here."""
    engine = Speaker()
    chunks = spoken(engine, wanted)

    async with asyncio.timeout(10):
        first = await anext(chunks)
        assert not engine.has_ended.is_set()
        engine.gate.set()
        rest = [chunk async for chunk in chunks]

    assert isinstance(first, AudioChunk)
    assert first.data
    assert rest


async def test_a_voice_ends_when_nobody_listens():
    """Closing is cancelling: no engine code runs any more when it returns."""
    engine = Speaker()
    chunks = spoken(engine, "pcm")
    await anext(chunks)

    async with asyncio.timeout(5):
        await chunks.aclose()

    assert engine.has_ended.is_set()
