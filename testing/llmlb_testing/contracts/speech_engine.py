"""The kit for engines that speak."""

from __future__ import annotations

import math
import struct
from typing import Any

import attrs
import pytest

from llmlb_core import AudioChunk, AudioFormat, Cancel, LocalModel, ModelFacts, Samples, SpeechEngine, SpeechRequest
from llmlb_core.errors import CallError, InvalidRequest
from llmlb_testing.contracts.engine import EngineContract

TEXT = "The ships came home at night. Nobody saw them. The keeper of the lighthouse had fallen asleep."
AUDIBLE = 0.01


class SpeechEngineContract(EngineContract):
    """Rules of ``llmlb_core.SpeechEngine``. Needs a fixture ``engine``; see ``EngineContract``."""

    def test_it_names_its_voices(self, engine: SpeechEngine) -> None:
        """Another voice is refused with these named."""
        assert engine.voices
        assert len(set(engine.voices)) == len(engine.voices)

    def test_a_sentence_can_be_heard(self, engine: SpeechEngine) -> None:
        """Samples are numbers in [-1, 1], not silence, and as long as somebody needs to say that much."""
        pieces = _spoken(engine)
        sound = _numbers(pieces)

        assert all(math.isfinite(number) and -1 <= number <= 1 for number in sound)
        assert math.sqrt(sum(number * number for number in sound) / len(sound)) > AUDIBLE
        assert 2 < sum(piece.duration_s for piece in pieces) < 30

    def test_all_of_it_has_one_rate(self, engine: SpeechEngine) -> None:
        """One file has one rate."""
        assert len({piece.rate_hz for piece in _spoken(engine)}) == 1

    def test_it_speaks_before_it_has_thought_of_everything(self, engine: SpeechEngine) -> None:
        """Three sentences come in more than one piece: who listens hears the first while the last is made."""
        assert len(_spoken(engine)) > 1

    def test_the_same_text_sounds_the_same(self, engine: SpeechEngine) -> None:
        """A call that is tried again elsewhere goes on with the same sound."""
        assert [piece.data for piece in _spoken(engine)] == [piece.data for piece in _spoken(engine)]

    def test_faster_speech_is_shorter(self, engine: SpeechEngine) -> None:
        """``speed`` from 0.25 to 4, or it is refused."""
        lengths = []
        for speed in (0.25, 1.0, 4.0):
            try:
                lengths.append(sum(piece.duration_s for piece in _spoken(engine, speed=speed)))
            except InvalidRequest as error:
                assert error.param == "speed"  # noqa: PT017  # refusing is as good

        assert lengths == sorted(lengths, reverse=True)
        assert len(set(lengths)) == len(lengths)

    def test_what_a_voice_cannot_do_is_refused(self, engine: SpeechEngine) -> None:
        """Done, or told with the parameter; never left out in silence."""
        wishes: tuple[dict[str, Any], ...] = ({"instructions": "Whisper."}, {"tone": "cheerful"}, {"pitch": 3.0})
        for wish in wishes:
            try:
                assert _spoken(engine, **wish)
            except InvalidRequest as error:
                assert error.param in wish  # noqa: PT017  # as above

    def test_a_cancelled_call_ends(self, engine: SpeechEngine) -> None:
        """After the sentence that was being spoken."""
        cancel = Cancel()
        pieces = []
        for piece in engine.speak(_request(engine, input=" ".join([TEXT] * 5)), cancel):
            pieces.append(piece)
            cancel.set()

        assert len(pieces) <= 2

    @pytest.mark.parametrize("wanted", ["wav", "pcm", "mp3", "opus", "aac", "flac"])
    @pytest.mark.asyncio
    async def test_speech_goes_through_the_harness(self, engine: SpeechEngine, wanted: AudioFormat) -> None:
        """In every format, as the bytes of one file."""
        from llmlb_core.worker.generation import generate

        model = LocalModel("probe", self.facts or ModelFacts(format=(engine.formats or ("",))[0]))
        request = attrs.evolve(_request(engine), format=wanted)
        found = [each async for each in generate(engine, model, request, Cancel())]

        assert all(isinstance(each, AudioChunk) for each in found)
        assert sum(len(each.data) for each in found if isinstance(each, AudioChunk)) > 1000

    @pytest.mark.asyncio
    async def test_an_unknown_voice_is_refused(self, engine: SpeechEngine) -> None:
        """By the harness, with the voices named."""
        from llmlb_core.worker.generation import generate

        model = LocalModel("probe", self.facts or ModelFacts(format=(engine.formats or ("",))[0]))
        with pytest.raises(CallError, match=engine.voices[0]):
            _ = [each async for each in generate(engine, model, _request(engine, voice="nobody"), Cancel())]


def _request(engine: SpeechEngine, **changes: Any) -> SpeechRequest:
    return attrs.evolve(SpeechRequest(input=TEXT, voice=engine.voices[0]), **changes)


def _spoken(engine: SpeechEngine, **changes: Any) -> list[Samples]:
    return list(engine.speak(_request(engine, **changes), Cancel()))


def _numbers(pieces: list[Samples]) -> tuple[float, ...]:
    data = b"".join(piece.data for piece in pieces)
    return struct.unpack(f"<{len(data) // 4}f", data)
