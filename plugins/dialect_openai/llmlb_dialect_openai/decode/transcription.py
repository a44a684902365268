"""``POST /v1/audio/transcriptions`` and ``/translations``: their forms as a ``TranscriptionRequest``."""

from __future__ import annotations

import math
import re

from llmlb_core import Decoded, Form, FormFile, TranscriptionRequest
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.form import form_boolean
from llmlb_dialect_openai.decode.parameters import ignored_names

RESPONSE_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
STREAMED_FORMATS = ("json", "text")
GRANULARITIES = ("word", "segment")
MAX_PROMPT_CHARACTERS = 4000
_READ = frozenset(
    {
        "model", "stream", "language", "prompt", "response_format", "temperature", "timestamp_granularities",
        "timestamp_granularities[]", "chunking_strategy", "vad_filter", "user",
    }
)  # fmt: skip
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def decode_transcription(form: Form) -> Decoded:
    """Read and check all of the form."""
    return _decode(form, is_translation=False)


def decode_translation(form: Form) -> Decoded:
    """Read and check all of the form; whatever was spoken is written down in English."""
    return _decode(form, is_translation=True)


def response_format(form: Form) -> str:
    """Return the form of the answer that *form* asks for.

    Raises:
        InvalidRequest: There is no such form.
    """
    wanted = form.text("response_format") or "json"
    if wanted not in RESPONSE_FORMATS:
        raise InvalidRequest(
            f"Invalid value for 'response_format': {wanted[:64]!r}; expected one of {', '.join(RESPONSE_FORMATS)}.",
            param="response_format",
            code="invalid_format",
        )
    return wanted


def granularities(form: Form) -> tuple[str, ...]:
    """Return what is to have times of its own: segments, unless *form* says otherwise."""
    wanted = form.texts("timestamp_granularities")
    for each in wanted:
        if each not in GRANULARITIES:
            raise InvalidRequest(
                f"Invalid value for 'timestamp_granularities': {each[:64]!r}; expected 'word' or 'segment'.",
                param="timestamp_granularities",
            )
    return wanted or ("segment",)


def _decode(form: Form, *, is_translation: bool) -> Decoded:
    file = _file(form)
    wanted = response_format(form)
    if form_boolean(form, "stream") and (is_translation or wanted not in STREAMED_FORMATS):
        raise UnsupportedParameter(
            "Translations are not streamed: leave 'stream' out."
            if is_translation
            else f"{wanted!r} is not streamed: ask for 'json', or leave 'stream' out.",
            param="stream",
        )
    times = granularities(form)
    if "word" in times and wanted != "verbose_json":
        raise InvalidRequest(
            "Times of words are told in 'verbose_json' only: set response_format to that.", param="timestamp_granularities"
        )
    request = TranscriptionRequest(
        audio=file.blob,
        filename=file.filename,
        is_translation=is_translation,
        language=_language(form),
        prompt=_prompt(form),
        temperature=_temperature(form),
        has_words="word" in times,
        has_vad=form.text("chunking_strategy") is not None or form_boolean(form, "vad_filter"),
    )
    names = {name for name, _ in form.fields} | {each.name for each in form.files if each.name != "file"}
    return Decoded(request, ignored_names(sorted(names - _READ)))


def _file(form: Form) -> FormFile:
    file = form.file("file")
    if file is None:
        hint = "; it came as a field, send it as a file: -F file=@speech.mp3" if form.text("file") is not None else ""
        raise InvalidRequest(f"Missing required file: 'file', the recording{hint}.", param="file", code="missing_file")
    if not file.blob.size_bytes:
        raise InvalidRequest("The file is empty.", param="file", code="empty_file")
    return file


def _language(form: Form) -> str | None:
    language = (form.text("language") or "").strip().lower()
    if language and not _LANGUAGE.fullmatch(language):
        raise InvalidRequest(
            f"Invalid value for 'language': {language[:64]!r}; expected a code of ISO 639-1, such as 'en'.", param="language"
        )
    return language or None


def _prompt(form: Form) -> str | None:
    prompt = form.text("prompt") or None
    if prompt is not None and len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(
            f"Invalid 'prompt': string too long. Expected at most {MAX_PROMPT_CHARACTERS} characters, got {len(prompt)}.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def _temperature(form: Form) -> float:
    text = form.text("temperature") or "0"
    try:
        temperature = float(text)
    except ValueError:
        temperature = math.nan
    if not 0 <= temperature <= 1:
        raise InvalidRequest(f"Invalid value for 'temperature': {text[:64]!r}; expected a number from 0 to 1.", param="temperature")
    return temperature
