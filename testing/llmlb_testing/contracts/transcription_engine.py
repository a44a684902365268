"""The kit for engines that write speech down."""

from __future__ import annotations

import struct
from typing import Any

import attrs
import pytest

from llmlb_core import (
    Blob,
    Cancel,
    LocalModel,
    ModelFacts,
    Samples,
    TranscriptFacts,
    TranscriptionEngine,
    TranscriptionRequest,
    TranscriptSegment,
)
from llmlb_core.errors import CallError, InvalidRequest
from llmlb_testing.contracts.engine import EngineContract


class TranscriptionEngineContract(EngineContract):
    """Rules of ``llmlb_core.TranscriptionEngine``.

    Needs a fixture ``engine``, see ``EngineContract``, and a fixture ``speech``: some seconds of speech at the engine's rate, with
    the word ``spoken_word`` in it.
    """

    spoken_word = "ships"

    def test_speech_is_written_down(self, engine: TranscriptionEngine, speech: Samples) -> None:
        """Segments in order of time, within the recording, and the facts last."""
        *segments, facts = _heard(engine, speech)

        assert isinstance(facts, TranscriptFacts)
        assert all(isinstance(each, TranscriptSegment) for each in segments)
        assert self.spoken_word in _text(segments).lower()
        times = [time for each in segments for time in (each.start_s, each.end_s)]
        assert times == sorted(times)
        assert times[-1] <= speech.duration_s + 1

    def test_the_facts_are_the_recordings(self, engine: TranscriptionEngine, speech: Samples) -> None:
        """Its length and a language."""
        facts = _heard(engine, speech)[-1]

        assert facts.duration_s == pytest.approx(speech.duration_s, abs=0.05)
        assert facts.language

    def test_words_have_times_where_they_are_wanted(self, engine: TranscriptionEngine, speech: Samples) -> None:
        """Within their segment, in order; none where nobody asked."""
        with_words = _heard(engine, speech, has_words=True)[:-1]
        without = _heard(engine, speech)[:-1]

        words = [word for segment in with_words for word in segment.words]
        assert "".join(word.word for word in words).strip() == _text(with_words).strip()
        starts = [word.start_s for word in words]
        assert starts == sorted(starts)
        assert not any(segment.words for segment in without)

    def test_silence_has_no_words(self, engine: TranscriptionEngine) -> None:
        """Nothing is made up where nobody spoke; the facts come all the same."""
        silence = Samples(struct.pack("<f", 0.0) * engine.rate_hz * 3, engine.rate_hz)

        *segments, facts = _heard(engine, silence)

        assert _text(segments) == ""
        assert facts.duration_s == pytest.approx(3, abs=0.05)

    def test_the_same_recording_gives_the_same_text(self, engine: TranscriptionEngine, speech: Samples) -> None:
        """At temperature 0."""
        assert _text(_heard(engine, speech)[:-1]) == _text(_heard(engine, speech)[:-1])

    def test_an_unknown_language_is_told(self, engine: TranscriptionEngine, speech: Samples) -> None:
        """Never guessed instead."""
        with pytest.raises(InvalidRequest) as caught:
            _heard(engine, speech, language="xx")

        assert caught.value.param == "language"

    def test_a_cancelled_call_ends(self, engine: TranscriptionEngine, speech: Samples) -> None:
        """Soon: what was found is of no interest any more."""
        cancel = Cancel()
        cancel.set()

        found = list(engine.transcribe(speech, _request(), cancel))

        assert not any(isinstance(each, TranscriptSegment) for each in found)

    @pytest.mark.asyncio
    async def test_a_file_goes_through_the_harness(self, engine: TranscriptionEngine, speech: Samples, wav: bytes) -> None:
        """Decoded there; the same text."""
        found = await _harness(self.facts, engine, Blob(wav))

        assert _text(found[:-1]) == _text(_heard(engine, speech)[:-1])

    @pytest.mark.asyncio
    async def test_what_is_no_sound_is_refused(self, engine: TranscriptionEngine) -> None:
        """By the harness, before the engine sees it."""
        with pytest.raises(CallError) as caught:
            await _harness(self.facts, engine, Blob(b"this is a text, whatever its name says"))

        assert caught.value.code == "unsupported_format"


async def _harness(facts: ModelFacts | None, engine: TranscriptionEngine, audio: Blob) -> list[Any]:
    from llmlb_core.worker.generation import generate

    model = LocalModel("probe", facts or ModelFacts(format=(engine.formats or ("",))[0]))
    return [each async for each in generate(engine, model, _request(audio=audio), Cancel())]


def _request(**changes: Any) -> TranscriptionRequest:
    return attrs.evolve(TranscriptionRequest(audio=Blob(b"-")), **changes)


def _heard(engine: TranscriptionEngine, speech: Samples, **changes: Any) -> list[Any]:
    return list(engine.transcribe(speech, _request(**changes), Cancel()))


def _text(segments: list[Any]) -> str:
    return "".join(segment.text for segment in segments)
