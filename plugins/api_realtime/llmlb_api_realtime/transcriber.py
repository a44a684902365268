"""Writes an utterance down: a call of this server's own ``/v1/audio/transcriptions``, as its client would make it.

So it is resolved, authorized, queued, balanced, retried, counted and kept like any other call, with the client's own key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from attrs import field, frozen

from llmlb_api_realtime.problems import TranscriptionFailed
from llmlb_core import new_id, split_events
from llmlb_core.errors import CallError

PATH = "/v1/audio/transcriptions"
MAX_ANSWER_BYTES = 4 * 1024 * 1024
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
_EVENT_ENDS = (b"\n\n", b"\n\r\n", b"\r\r")
_OWN_TO_A_WEBSOCKET = ("connection", "upgrade", "transfer-encoding", "accept", "openai-beta", "remote-addr")
_PREFIXES = ("sec-websocket-", "content-", "accept-")


@frozen
class Utterance:
    """What one person said.

    Attributes:
        wav: The sound, a file.
        fields: Of the form: model, language and the like.
    """

    item_id: str
    sound_bytes: int
    wav: bytes = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)


@frozen
class Transcript:
    """What was said."""

    text: str
    usage: Mapping[str, object]


class Transcriber:
    """Makes the calls of one session."""

    def __init__(self, app: Asgi, scope: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float) -> None:
        """Call *app* as the client of the websocket *scope*, with what of its *headers* any call may have."""
        self._app = app
        self._timeout_s = timeout_s
        self._headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
            if name not in _OWN_TO_A_WEBSOCKET and not name.startswith(_PREFIXES)
        ]
        self._scope = {name: scope.get(name) for name in ("client", "server")}
        self._scope["scheme"] = "https" if scope.get("scheme") == "wss" else "http"

    async def __call__(self, utterance: Utterance, on_delta: Callable[[str], None]) -> Transcript:
        """Return what was said in *utterance*; *on_delta* is told pieces of it as they come.

        Raises:
            TranscriptionFailed: With the code of what went wrong.
        """
        boundary = new_id("utterance") + new_id("")
        body = _form(utterance, boundary)
        headers = [
            *self._headers,
            (b"content-type", f"multipart/form-data; boundary={boundary}".encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        scope = {
            **self._scope,
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "extensions": {},
            "state": {},
        }
        answer = _Answer(body, on_delta)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._app(scope, answer.receive, answer.send)
        except TimeoutError:
            raise TranscriptionFailed(
                f"This utterance was not written down within {self._timeout_s:g} s.", code="transcription_timeout"
            ) from None
        return answer.transcript()


class _Answer:
    """One call as an ASGI application sees it: its body, and what it answers."""

    def __init__(self, body: bytes, on_delta: Callable[[str], None]) -> None:
        self._body: bytes | None = body
        self._on_delta = on_delta
        self._status = 0
        self._is_stream = False
        self._data = b""
        self._size = 0
        self._done: Transcript | None = None
        self._error: CallError | None = None

    async def receive(self) -> dict[str, object]:
        body, self._body = self._body, None
        if body is None:
            await asyncio.Event().wait()  # this client leaves by cancelling the call
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            kind = next((value for name, value in message["headers"] if name == b"content-type"), b"")
            self._is_stream = self._status == 200 and kind.startswith(b"text/event-stream")
            return
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > MAX_ANSWER_BYTES:
            self._error = TranscriptionFailed(f"The transcript is larger than {MAX_ANSWER_BYTES} bytes.")
            return
        self._data += piece
        if self._is_stream:
            end = max((at + len(mark) for mark in _EVENT_ENDS if (at := self._data.rfind(mark)) >= 0), default=0)
            whole, self._data = self._data[:end], self._data[end:]
            for _, data in split_events(whole):
                if data is not None:
                    self._take(data)

    def _take(self, data: bytes) -> None:
        """Read one event of the transcript."""
        if data == b"[DONE]":
            return
        document = _loads(data)
        if isinstance(document.get("error"), dict):
            self._error = _failure(document)
        elif document.get("type") == "transcript.text.delta":
            self._on_delta(str(document.get("delta", "")))
        elif document.get("type") == "transcript.text.done":
            self._done = _transcript(document)

    def transcript(self) -> Transcript:
        """Return the answer when the call is over."""
        if self._error is not None:
            raise self._error
        if self._done is not None:
            return self._done
        document = {} if self._is_stream else _loads(self._data)
        if self._status == 200 and isinstance(document.get("text"), str):
            return _transcript(document)
        raise _failure(document)


def _form(utterance: Utterance, boundary: str) -> bytes:
    """Return the body of the call."""
    fields = {**utterance.fields, "stream": "true"}
    parts = [f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="speech.wav"\r\ncontent-type: audio/wav\r\n\r\n'
    return b"".join(("".join(parts).encode(), head.encode(), utterance.wav, f"\r\n--{boundary}--\r\n".encode()))


def _loads(data: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _transcript(document: Mapping[str, Any]) -> Transcript:
    usage = document.get("usage")
    text = document.get("text")
    return Transcript(
        text if isinstance(text, str) else "", usage if isinstance(usage, dict) else {"type": "duration", "seconds": 0}
    )


def _failure(document: Mapping[str, Any]) -> TranscriptionFailed:
    """Return the error that *document* tells."""
    told = document.get("error")
    if not isinstance(told, dict):
        return TranscriptionFailed("The transcript ended before it was whole.")
    param = told.get("param")
    error = TranscriptionFailed(
        str(told.get("message", "")),
        code=str(told.get("code") or TranscriptionFailed.code),
        param=None if param is None else str(param),
    )
    error.type = str(told.get("type") or error.type)
    return error
