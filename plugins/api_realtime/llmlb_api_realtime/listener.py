"""What a client says: its events, each checked; what is wrong with one is told, and the session goes on."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from typing import Any

import orjson

from llmlb_api_realtime.ear import Ear, Stopped
from llmlb_api_realtime.events import error_event, event, item_event
from llmlb_api_realtime.outbox import Outbox
from llmlb_api_realtime.settings import RealtimeSettings
from llmlb_api_realtime.sound import PCM, SAMPLE_BYTES, wav
from llmlb_api_realtime.transcriber import Utterance
from llmlb_api_realtime.wishes import Wishes
from llmlb_api_realtime.writer import Writer
from llmlb_core import Capability, ModelView, new_id
from llmlb_core.errors import CallError, CapabilityMismatch, InvalidJson, InvalidRequest, ModelNotFound

MIN_COMMIT_MS = 100
MAX_EVENT_ID_CHARACTERS = 512
Said = dict[str, Any]


class Listener:
    """The client's side of one session.

    Attributes:
        id: Of the session.
    """

    def __init__(
        self, settings: RealtimeSettings, models: ModelView | None, outbox: Outbox, writer: Writer, *, is_beta: bool
    ) -> None:
        """Begin with what holds where a client says nothing."""
        self.id = new_id("sess")
        self._settings = settings
        self._models = models
        self._outbox = outbox
        self._writer = writer
        self._is_beta = is_beta
        self._wishes = Wishes(model=settings.model or None)
        self._ear = self._new_ear()
        self._last_item: str | None = None
        self._next_item = new_id("item")
        self._expires_at = int(time.time() + settings.max_session_s)
        self._handlers: dict[str, Callable[[Said], None]] = {
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "session.update": self._update,
            "transcription_session.update": self._update,
        }

    def begin(self, model: str | None) -> None:
        """Tell that the session is there; *model* is what its URL names."""
        kind = "transcription_session.created" if self._is_beta else "session.created"
        wanted = None
        if model:
            named = self._wishes.updated({"audio": {"input": {"transcription": {"model": model}}}}, is_beta=False)
            try:
                self._check_model(model, "model")
            except CallError as error:
                wanted = error
            else:
                self._wishes = named
        self._tell(kind, session=self._wishes.document(self.id, self._expires_at, is_beta=self._is_beta))
        if wanted is not None:
            self._outbox.put(error_event(wanted))

    def take(self, message: object) -> None:
        """Take one message: text is an event, bytes are sound."""
        size = len(message) if isinstance(message, str | bytes) else 0
        if size > self._settings.max_event_bytes:
            told: CallError = InvalidRequest(
                f"An event of {size} bytes came; this server takes at most {self._settings.max_event_bytes}. "
                "Send sound in smaller pieces, such as 100 ms.",
                code="event_too_large",
            )
            self._outbox.put(error_event(told))
            return
        if isinstance(message, bytes):
            self._answer(lambda: self._hear(message), None)
            return
        try:
            said = orjson.loads(message if isinstance(message, str) else "")  # neither: an empty frame
        except ValueError:
            told = InvalidJson('An event came that is not JSON; expected an object such as {"type": "input_audio_buffer.commit"}.')
            self._outbox.put(error_event(told))
            return
        event_id = said.get("event_id") if isinstance(said, dict) else None
        known_id = event_id[:MAX_EVENT_ID_CHARACTERS] if isinstance(event_id, str) else None
        self._answer(lambda: self._handle(said), known_id)

    def _answer(self, act: Callable[[], None], event_id: str | None) -> None:
        try:
            act()
        except CallError as error:
            self._outbox.put(error_event(error, event_id))

    def _handle(self, said: object) -> None:
        kind = said.get("type") if isinstance(said, dict) else None
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is None or not isinstance(said, dict):
            raise InvalidRequest(
                f"Invalid value for 'type': {str(kind)[:64]!r}; this session writes down what is said, and takes "
                f"{', '.join(self._handlers)}.",
                param="type",
            )
        handler(said)

    # --- events

    def _update(self, said: Said) -> None:
        is_old = said["type"] == "transcription_session.update"
        before, wishes = self._wishes, self._wishes.updated(said.get("session"), is_beta=is_old)
        if wishes.format is not before.format and self._ear.held_bytes:
            raise InvalidRequest(
                "The format of sound cannot change while there is some in the buffer: commit or clear it first.",
                param="session",
                code="buffer_not_empty",
            )
        if wishes.model is not None and wishes.model != before.model:
            self._check_model(
                wishes.model, "session.input_audio_transcription.model" if is_old else "session.audio.input.transcription.model"
            )
        self._wishes = wishes
        if wishes.format is not before.format:
            self._ear = self._new_ear()
        elif wishes.detection != before.detection:
            self._ear.listen(wishes.detection)
        kind = "transcription_session.updated" if is_old else "session.updated"
        self._tell(kind, session=wishes.document(self.id, self._expires_at, is_beta=is_old))

    def _append(self, said: Said) -> None:
        audio = said.get("audio")
        if not isinstance(audio, str):
            raise InvalidRequest("'audio' must be sound in base64.", param="audio", code="missing_required_parameter")
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidRequest(f"'audio' is not base64: {error}.", param="audio", code="invalid_base64") from None
        self._hear(data)

    def _commit(self, said: Said) -> None:
        del said
        if self._ear.held_ms < MIN_COMMIT_MS:
            raise InvalidRequest(
                f"The buffer has {self._ear.held_ms:.0f} ms of sound; at least {MIN_COMMIT_MS} are expected in a commit.",
                code="input_audio_buffer_commit_empty",
            )
        self._check_room()  # before the buffer is emptied: the client may commit again
        self._utter(self._ear.commit())

    def _clear(self, said: Said) -> None:
        del said
        self._ear.clear()
        self._tell("input_audio_buffer.cleared")

    # --- sound

    def _hear(self, data: bytes) -> None:
        form = self._wishes.format
        if form is PCM and len(data) % SAMPLE_BYTES:
            raise InvalidRequest(
                f"{len(data)} bytes of sound came; a sample of {form.old_name} has {SAMPLE_BYTES}: an even number was expected.",
                param="audio",
                code="invalid_audio",
            )
        pcm = form.decode(data)
        held_s = (self._ear.held_bytes + self._writer.held_bytes + len(pcm)) / form.bytes_per_s
        if held_s > self._settings.max_sound_s:
            raise InvalidRequest(
                f"With this piece the session would hold {held_s:.1f} s of sound, of at most {self._settings.max_sound_s:g}; "
                "it was not taken. Commit or clear the buffer, and wait until what was committed is written down.",
                param="audio",
                code="audio_buffer_full",
            )
        for heard in self._ear.append(pcm):
            if isinstance(heard, Stopped):
                self._tell("input_audio_buffer.speech_stopped", audio_end_ms=heard.at_ms, item_id=self._next_item)
                self._utter_or_tell(heard.sound)
            else:
                self._tell("input_audio_buffer.speech_started", audio_start_ms=heard.at_ms, item_id=self._next_item)

    def _utter_or_tell(self, sound: bytes) -> None:
        self._answer(lambda: self._utter(sound), None)

    def _utter(self, sound: bytes) -> None:
        """Have *sound*, an utterance, written down."""
        self._check_room()
        wishes, item_id, before = self._wishes, self._next_item, self._last_item
        self._last_item, self._next_item = item_id, new_id("item")
        fields = {"model": wishes.model, "language": wishes.language, "prompt": wishes.prompt}
        given = {name: value for name, value in fields.items() if value}
        self._writer.add(Utterance(item_id, len(sound), wav(sound, wishes.format.rate_hz), given))
        self._tell("input_audio_buffer.committed", item_id=item_id, previous_item_id=before)
        self._outbox.put(item_event(item_id, before, is_beta=self._is_beta))

    def _check_room(self) -> None:
        if self._wishes.model is None:
            raise InvalidRequest(
                "Nobody was named to write this down: set 'model' of the transcription with session.update.",
                param="session.audio.input.transcription.model",
                code="missing_model",
            )
        waiting = self._writer.waiting_count
        if waiting >= self._settings.max_waiting:
            raise InvalidRequest(
                f"{waiting} utterances wait to be written down already, the most that may; this one is not taken.",
                code="too_many_utterances",
            )

    def _check_model(self, name: str, param: str) -> None:
        if self._models is None:
            return
        info = self._models.find(name)
        if info is None:
            raise ModelNotFound(f"The model '{name[:256]}' does not exist here; GET /v1/models lists those that do.", param=param)
        if Capability.SPEECH_TO_TEXT not in info.capabilities:
            able = ", ".join(info.capabilities) or "nothing"
            raise CapabilityMismatch(
                f"Model '{name[:256]}' does not write down speech; it does: {able}. GET /v1/models lists what each model can do.",
                param=param,
            )

    def _new_ear(self) -> Ear:
        return Ear(self._wishes.format.rate_hz, self._wishes.detection, self._settings.max_utterance_s)

    def _tell(self, kind: str, **members: object) -> None:
        self._outbox.put(event(kind, **members))
