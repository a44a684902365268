"""Part of stage 5: the recordings of a chat are written down for a model that takes none.

Each becomes a transcription of its own: placed, retried, limited and recorded as any other of the same principal, and over before
the chat asks for its place. So a chat never holds a place while it waits for another.
"""

from __future__ import annotations

import asyncio
import binascii
import time
from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, frozen

from llmlb_core.contracts.dialect import Dialect, Route, SoundReference
from llmlb_core.domain.calls import Call, Head, Operation
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.forms import FormFile
from llmlb_core.domain.media import Blob
from llmlb_core.domain.models import Capability
from llmlb_core.errors import (
    BodyTooLarge,
    CallError,
    CapabilityMismatch,
    InvalidRequest,
    ModelNotFound,
    NoEndpoint,
    RouteNotSupported,
)
from llmlb_core.settings.sections import AudioSettings
from llmlb_core.stages.inner import InnerCalls
from llmlb_core.stages.resolve import Directory
from llmlb_core.uploads.reader import Uploads
from llmlb_core.worker.media.decoding import FORMATS

MARK = "[audio transcript]"
"""What a transcript begins with in the chat."""
NOTHING = "(nothing was said)"
_SLICE_CHARACTERS = 64 * 1024
_SLICE_BYTES = _SLICE_CHARACTERS * 3 // 4
_AT_ONCE_BYTES = 64 * 1024
_CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


@frozen
class _Recording:
    """One recording, here or in the spool."""

    blob: Blob
    format: str
    data_param: str


class Sounds:
    """Has recordings written down."""

    def __init__(
        self, settings: AudioSettings, directory: Directory, uploads: Uploads, inner: InnerCalls, dialects: Mapping[str, Dialect]
    ) -> None:
        """Do as *settings* say.

        Args:
            settings: Limits, and which model is asked.
            directory: Knows who takes recordings.
            uploads: Keeps them while they are written down.
            inner: Serves the transcriptions.
            dialects: By name, kept as they are; one of them must have a route of transcriptions.
        """
        self._settings = settings
        self._directory = directory
        self._uploads = uploads
        self._inner = inner
        self._dialects = dialects

    async def prepared(self, call: Call, targets: tuple[Target, ...]) -> Call:
        """Return *call* with a text in place of every recording; as it is where the first of *targets* is given them.

        Raises:
            CallError: ``too_many_recordings``, or, with the place of the recording: ``empty_file``, ``unsupported_format``,
                ``invalid_base64``, ``file_too_large`` and ``invalid_audio``, or what the transcription failed with.
        """
        route, model = call.route, self._settings.transcribe_with
        if model is None or not route.sound_mark or route.sound_mark not in call.body or not self._is_needed(call, targets[0]):
            return call
        recordings: list[_Recording] = []
        try:
            await self._keep(await self._found(call), recordings)
            texts = [await self._text(call, model, number, each) for number, each in enumerate(recordings, 1)]
        finally:
            self._uploads.drop([each.blob for each in recordings])
        if not texts:
            return call
        body = await asyncio.to_thread(call.dialect.with_texts, route, call.body, texts)
        return evolve(call, body=body)

    def _is_needed(self, call: Call, target: Target) -> bool:
        """Whether *target* cannot be given recordings, or should not be: what is not sent as it came has none."""
        if not target.speaks(call.dialect.name):
            return True
        if self._settings.transcribe_for == "local":
            return False
        _, capabilities = self._directory.lookup(target.model, call.route.needs, call.route.operation)
        return Capability.AUDIO not in capabilities

    async def _found(self, call: Call) -> Sequence[SoundReference]:
        """Return the recordings, as far as a look at them tells whether they can be taken."""
        if len(call.body) <= _AT_ONCE_BYTES:
            sounds = call.dialect.sounds(call.route, call.body)
        else:
            sounds = await asyncio.to_thread(call.dialect.sounds, call.route, call.body)
        settings = self._settings
        if len(sounds) > settings.max_count:
            raise InvalidRequest(
                f"There are {len(sounds)} recordings in this request; at most {settings.max_count} are taken.",
                param=sounds[settings.max_count].param,
                code="too_many_recordings",
            )
        for each in sounds:
            _check(each, settings.max_bytes)
        return sounds

    async def _keep(self, sounds: Sequence[SoundReference], recordings: list[_Recording]) -> None:
        """Decode all of *sounds* into *recordings*, before the first is written down: what is wrong is told at once."""
        for each in sounds:
            try:
                blob = await self._uploads.keep(_size(each.data), _pieces(each.data))
            except InvalidRequest as error:
                error.param = each.data_param
                raise
            recordings.append(_Recording(blob, each.format.lower(), each.data_param))

    async def _text(self, call: Call, model: str, number: int, recording: _Recording) -> str:
        """Return what stands in place of *recording*."""
        dialect, route = self._listener(call)
        kind = _CONTENT_TYPES.get(recording.format, f"audio/{recording.format}")
        file = FormFile("file", f"recording-{number}.{recording.format}", kind, recording.blob)
        head, now = call.head, time.monotonic()
        # The id leads back to the chat: in the access log and in the history.
        head = Head("POST", route.path, "", head.headers, head.client_address, now, f"{call.id}-sound-{number}")
        form = dialect.transcription(model, file)
        asked = Call(head.id, head, route, dialect, b"", model, False, call.principal, call.deadline_at, form=form)
        try:
            text = dialect.transcript(await self._inner(asked))
        except (ModelNotFound, CapabilityMismatch, RouteNotSupported) as error:
            raise NoEndpoint(
                f"Recordings are written down by '{model}' here ([audio] transcribe_with), and that cannot be: {error.message}",
                param=recording.data_param,
            ) from None
        except CallError as error:
            error.param = recording.data_param
            raise
        return f"{MARK} {text.strip() or NOTHING}"

    def _listener(self, call: Call) -> tuple[Dialect, Route]:
        """Return the route that transcriptions go by: of the chat's own dialect where it has one."""
        for dialect in (call.dialect, *self._dialects.values()):
            for route in dialect.routes:
                if route.operation is Operation.TRANSCRIPTION:
                    return dialect, route
        raise NoEndpoint("Recordings cannot be written down here: no active plugin has a route of transcriptions.")


def _check(sound: SoundReference, max_bytes: int) -> None:
    if sound.format.lower() not in FORMATS:
        seen = f"{sound.format[:40]!r} is no format of sound that is known" if sound.format else "There is no format"
        raise InvalidRequest(f"{seen}; expected one of {', '.join(FORMATS)}.", param=sound.format_param, code="unsupported_format")
    if not sound.data:
        raise InvalidRequest("This recording is empty; expected a file in base64.", param=sound.data_param, code="empty_file")
    size = _size(sound.data)
    if size > max_bytes:
        raise BodyTooLarge(
            f"This recording has {size} bytes; at most {max_bytes} are taken.", param=sound.data_param, code="file_too_large"
        )


def _size(data: str) -> int:
    """Return how many bytes *data* means, where it is base64."""
    return len(data) * 3 // 4 - data.count("=", -2)


def _pieces(data: str) -> Iterator[bytes]:
    """Yield what *data* means, piece by piece: other threads get their turn meanwhile."""
    for at in range(0, len(data), _SLICE_CHARACTERS):
        try:
            piece = binascii.a2b_base64(data[at : at + _SLICE_CHARACTERS].encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            raise _no_base64() from None
        if len(piece) < _SLICE_BYTES and at + _SLICE_CHARACTERS < len(data):  # padding, and more behind it
            raise _no_base64()
        yield piece


def _no_base64() -> InvalidRequest:
    return InvalidRequest(
        "The data of this recording is not valid base64; expected the bytes of the file, and no data URL.", code="invalid_base64"
    )
