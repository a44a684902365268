"""Transcripts: in one of five forms, or as events while they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmlb_core import Call, Form, Operation, Renderer, Result, TranscriptFacts, TranscriptSegment
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.decode.transcription import granularities, response_format
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.render.languages import language_name
from llmlb_dialect_openai.render.parts import JSON, SSE, Json, error_frame
from llmlb_dialect_openai.text import dumps

TEXT = "text/plain; charset=utf-8"


def _wanted(result: Result) -> TranscriptSegment | TranscriptFacts:
    if isinstance(result, TranscriptSegment | TranscriptFacts):
        return result
    raise EngineFailed("The model answered with something else where a transcript was asked for; see the plugin that serves it.")


def _usage(facts: TranscriptFacts | None) -> Json:
    return {"type": "duration", "seconds": math.ceil(facts.duration_s) if facts is not None else 0}


class TranscriptAnswer(Renderer):
    """Collects the segments and writes them in the form that was asked for."""

    def __init__(self, call: Call, model: str) -> None:
        """Remember the form."""
        del model
        form = call.form or Form()
        self._form = response_format(form)
        self._times = granularities(form)
        self._task = "translate" if call.route.operation is Operation.TRANSLATION else "transcribe"
        self.content_type = JSON if self._form in ("json", "verbose_json") else TEXT
        self._segments: list[TranscriptSegment] = []
        self._facts: TranscriptFacts | None = None

    def feed(self, result: Result) -> bytes:
        """Collect."""
        item = _wanted(result)
        if isinstance(item, TranscriptSegment):
            self._segments.append(item)
        else:
            self._facts = item
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: The engine ended without the facts.
        """
        if self._facts is None:
            raise EngineFailed("The transcript ended early; try the call again.", code="transcription_failed")
        text = "".join(segment.text for segment in self._segments).strip()
        match self._form:
            case "text":
                return f"{text}\n".encode()
            case "srt":
                return _cues(self._segments, ",", numbered=True).encode()
            case "vtt":
                return b"WEBVTT\n\n" + _cues(self._segments, ".", numbered=False).encode()
            case "verbose_json":
                return dumps(self._verbose(text, self._facts))
            case _:
                return dumps({"text": text, "usage": _usage(self._facts)})

    def _verbose(self, text: str, facts: TranscriptFacts) -> Json:
        document: Json = {
            "task": self._task,
            "language": language_name(facts.language),
            "duration": round(facts.duration_s, 3),
            "text": text,
        }
        if "segment" in self._times:
            document["segments"] = [_segment(number, each) for number, each in enumerate(self._segments)]
        if "word" in self._times:
            document["words"] = [
                {"word": word.word.strip(), "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
                for segment in self._segments
                for word in segment.words
            ]
        return {**document, "usage": _usage(facts)}

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)


class TranscriptStream(Renderer):
    """An event a segment, and the whole text last."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Begin."""
        del call, model
        self._texts: list[str] = []
        self._facts: TranscriptFacts | None = None

    def feed(self, result: Result) -> bytes:
        """Return the event of a segment."""
        item = _wanted(result)
        if isinstance(item, TranscriptFacts):
            self._facts = item
            return b""
        text = item.text if self._texts else item.text.lstrip()
        if not text:
            return b""
        self._texts.append(text)
        return _event({"type": "transcript.text.delta", "delta": text})

    def end(self) -> bytes:
        """Return the whole text."""
        return _event({"type": "transcript.text.done", "text": "".join(self._texts), "usage": _usage(self._facts)})

    def error(self, error: CallError) -> bytes:
        """Return the event that ends a stream which broke."""
        return error_frame(error)


def _segment(number: int, segment: TranscriptSegment) -> Json:
    return {
        "id": number,
        "seek": 0,
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_probability,
    }


def _cues(segments: Sequence[TranscriptSegment], point: str, *, numbered: bool) -> str:
    """Return cues of SubRip (numbered, with a comma) or WebVTT (with a point)."""
    cues = []
    for number, segment in enumerate(segments, 1):
        head = f"{number}\n" if numbered else ""
        # A line with an arrow, or an empty one, would be read as the next cue.
        text = " ".join(segment.text.split()).replace("-->", "->")
        cues.append(f"{head}{_clock(segment.start_s, point)} --> {_clock(segment.end_s, point)}\n{text}\n\n")
    return "".join(cues)


def _clock(seconds: float, point: str) -> str:
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _event(value: Json) -> bytes:
    return b"data: " + dumps(value) + b"\n\n"
