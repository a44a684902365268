"""What a client wishes of its session, in today's shape and in that of beta clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from attrs import evolve, frozen

from llmlb_api_realtime.ear import TurnDetection
from llmlb_api_realtime.sound import FORMATS, PCM, SoundFormat
from llmlb_core.errors import InvalidRequest, UnsupportedParameter

MAX_MODEL_CHARACTERS = 256
MAX_PROMPT_CHARACTERS = 4000
MAX_PADDING_MS = 5000
MAX_SILENCE_MS = 10_000
_ANSWERING = ("create_response", "interrupt_response", "idle_timeout_ms")
"""Of sessions that answer; clients send them with the rest."""


@frozen
class Wishes:
    """How the session listens, and who writes down what is said."""

    format: SoundFormat = PCM
    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    detection: TurnDetection | None = TurnDetection()

    def updated(self, session: object, *, is_beta: bool) -> Wishes:
        """Return these wishes with what *session* says; what it leaves out stays.

        Raises:
            InvalidRequest: It is not a session of this kind; nothing of it holds then.
        """
        if is_beta:
            return self._updated_beta(_object(session, "session"))
        own = _object(session, "session", {"type", "audio", "include"})
        kind = own.get("type", "transcription")
        if kind != "transcription":
            raise InvalidRequest(
                f"Invalid value for 'session.type': {_seen(kind)}; this server writes down what is said: expected 'transcription'.",
                param="session.type",
            )
        audio = _object(own.get("audio") or {}, "session.audio", {"input"})
        heard = _object(
            audio.get("input") or {}, "session.audio.input", {"format", "noise_reduction", "transcription", "turn_detection"}
        )
        return self._with(heard, "session.audio.input", {each.name: each for each in FORMATS})

    def _updated_beta(self, own: Mapping[str, object]) -> Wishes:
        names = {
            "input_audio_format": "format",
            "input_audio_noise_reduction": "noise_reduction",
            "input_audio_transcription": "transcription",
            "turn_detection": "turn_detection",
        }
        _known(own, "session", {*names, "include", "modalities"})
        heard = {names[name]: value for name, value in own.items() if name in names}
        return self._with(heard, "session", {each.old_name: each for each in FORMATS}, {new: old for old, new in names.items()})

    def _with(
        self, heard: Mapping[str, object], path: str, formats: Mapping[str, SoundFormat], old: Mapping[str, str] | None = None
    ) -> Wishes:
        def at(name: str) -> str:
            return f"{path}.{(old or {}).get(name, name)}"

        changed = self
        if heard.get("format") is not None:
            changed = evolve(changed, format=_format(heard["format"], at("format"), formats))
        if "transcription" in heard:
            changed = _transcribed(changed, heard["transcription"], at("transcription"))
        if "turn_detection" in heard:
            changed = evolve(changed, detection=_detection(heard["turn_detection"], at("turn_detection")))
        return changed

    def document(self, session_id: str, expires_at: int, *, is_beta: bool) -> dict[str, object]:
        """Return the session as events show it: what holds, not what was wished."""
        turns = None if self.detection is None else _turns(self.detection)
        written = None
        if self.model is not None:
            written = {"model": self.model, "language": self.language, "prompt": self.prompt or ""}
        named = {"id": session_id, "object": "realtime.transcription_session", "expires_at": expires_at, "include": None}
        if is_beta:
            return {
                **named,
                "input_audio_format": self.format.old_name,
                "input_audio_transcription": written,
                "input_audio_noise_reduction": None,
                "turn_detection": turns,
            }
        form: dict[str, object] = {"type": self.format.name}
        if self.format is PCM:
            form["rate"] = PCM.rate_hz
        heard = {"format": form, "noise_reduction": None, "transcription": written, "turn_detection": turns}
        return {**named, "type": "transcription", "audio": {"input": heard}}


def _transcribed(wishes: Wishes, value: object, path: str) -> Wishes:
    if value is None:
        return evolve(wishes, model=None, language=None, prompt=None)
    own = _object(value, path, {"model", "language", "prompt", "delay", "keywords", "languages"})
    for name in ("delay", "keywords", "languages"):
        if own.get(name) is not None:
            raise UnsupportedParameter(
                f"'{path}.{name}' is not supported here: leave it out. 'language' and 'prompt' guide the transcript.",
                param=f"{path}.{name}",
            )
    changed = wishes
    if own.get("model") is not None:
        changed = evolve(changed, model=_text(own["model"], f"{path}.model", MAX_MODEL_CHARACTERS))
    if "language" in own:
        changed = evolve(changed, language=_text(own["language"], f"{path}.language", 16))
    if "prompt" in own:
        changed = evolve(changed, prompt=_text(own["prompt"], f"{path}.prompt", MAX_PROMPT_CHARACTERS))
    return changed


def _turns(detection: TurnDetection) -> dict[str, object]:
    return {
        "type": "server_vad",
        "threshold": detection.threshold,
        "prefix_padding_ms": detection.prefix_padding_ms,
        "silence_duration_ms": detection.silence_duration_ms,
    }


def _format(value: object, path: str, formats: Mapping[str, SoundFormat]) -> SoundFormat:
    rate: object = None
    if isinstance(value, dict):
        own = _object(value, path, {"type", "rate"})
        value, rate = own.get("type", PCM.name), own.get("rate")
    found = formats.get(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidRequest(f"Invalid value for '{path}': {_seen(value)}; expected one of {', '.join(formats)}.", param=path)
    if rate is not None and rate != found.rate_hz:
        raise InvalidRequest(
            f"Invalid value for '{path}.rate': {_seen(rate)}; {found.name} has {found.rate_hz} samples a second here.",
            param=f"{path}.rate",
        )
    return found


def _detection(value: object, path: str) -> TurnDetection | None:
    if value is None:
        return None
    own = _object(value, path, {"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness", *_ANSWERING})
    kind = own.get("type", "server_vad")
    if kind != "server_vad":
        raise UnsupportedParameter(
            f"Invalid value for '{path}.type': {_seen(kind)}; expected 'server_vad', or null for {path} where the client commits.",
            param=f"{path}.type",
        )
    plain = TurnDetection()
    return TurnDetection(
        threshold=_number(own, "threshold", plain.threshold, 1, path),
        prefix_padding_ms=int(_number(own, "prefix_padding_ms", plain.prefix_padding_ms, MAX_PADDING_MS, path)),
        silence_duration_ms=int(_number(own, "silence_duration_ms", plain.silence_duration_ms, MAX_SILENCE_MS, path)),
    )


def _number(own: Mapping[str, object], name: str, default: float, maximum: float, path: str) -> float:
    value = own.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= maximum:
        raise InvalidRequest(
            f"Invalid value for '{path}.{name}': {_seen(value)}; expected a number from 0 to {maximum:g}.", param=f"{path}.{name}"
        )
    return value


def _text(value: object, path: str, most: int) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most:
        seen = f"{len(value)} characters" if isinstance(value, str) else _seen(value)
        raise InvalidRequest(f"Invalid value for '{path}': {seen}; expected a string of at most {most} characters.", param=path)
    return value


def _object(value: object, path: str, names: set[str] | None = None) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"Invalid value for '{path}': {_seen(value)}; expected an object.", param=path, code="invalid_type")
    if names is not None:
        _known(value, path, names)
    return cast("Mapping[str, object]", value)


def _known(own: Mapping[str, object], path: str, names: set[str]) -> None:
    for name in own:
        if name not in names:
            raise InvalidRequest(
                f"Unknown parameter: '{path}.{name[:64]}'; expected one of {', '.join(sorted(names))}.",
                param=f"{path}.{name[:64]}",
                code="unknown_parameter",
            )


def _seen(value: object) -> str:
    """Return *value* as messages show it."""
    return repr(value)[:64]
