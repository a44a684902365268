"""The part of the dialect kit that looks at answers and errors."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, get_args

import pytest

from llmlb_core import Call, Delta, Dialect, EmbeddingRequest, Result
from llmlb_core import errors as error_tree
from llmlb_core.domain.results import FinishReason
from llmlb_core.errors import CallError, ContextLengthExceeded, EngineFailed
from llmlb_testing.answers import TEXTS, answer, call_of, contents, encode, frames, text_routes, write
from llmlb_testing.io_guard import no_io

Bodies = Mapping[str, Sequence[dict[str, Any]]]
FAILURE = EngineFailed("The worker ended in the middle of this answer.")


class RenderingContract:
    """Rules of ``llmlb_core.Renderer`` and of error documents; part of ``DialectContract``.

    Attributes:
        error_members: What the object ``error`` of an error document always has.
    """

    error_members: ClassVar[frozenset[str]] = frozenset({"message", "type", "param", "code"})

    def test_every_kind_of_content_is_written(self, dialect: Dialect, bodies: Bodies) -> None:
        """Text, reasoning, tool calls, log probabilities, and none: whole JSON, or whole events, in UTF-8."""
        for call in _calls(dialect, bodies):
            for kind, content in contents(call):
                self.check_whole(call, kind, write(dialect, call, answer(call, content)))

    @pytest.mark.parametrize("finish", get_args(FinishReason))
    def test_every_finish_is_written(self, dialect: Dialect, bodies: Bodies, finish: FinishReason) -> None:
        """Clients decide by it whether to ask on, to run a tool, or to complain."""
        for call in _calls(dialect, bodies):
            self.check_whole(call, finish, write(dialect, call, answer(call, (Delta(text="x"),), finish)))

    def test_text_arrives_whole(self, dialect: Dialect, bodies: Bodies) -> None:
        """Every character of every delta is in the answer, escaped as JSON has it, in order."""
        for call in _calls(dialect, bodies):
            if isinstance(call.request, EmbeddingRequest):
                continue
            written = _strings(write(dialect, call, answer(call, tuple(Delta(text=text) for text in TEXTS))), call)
            for text in TEXTS:
                assert any(text in found for found in written), f"{text!r} is not in the answer"

    def test_renderers_do_not_share_anything(self, dialect: Dialect, bodies: Bodies) -> None:
        """Each call has its own; two that are written at the same time do not mix."""
        for call in _calls(dialect, bodies):
            if isinstance(call.request, EmbeddingRequest):
                continue
            first, second = dialect.renderer(call, "served-model"), dialect.renderer(call, "served-model")
            mine, others = (answer(call, (Delta(text=word),)) for word in ("first-word", "second-word"))
            written = b""
            for one, other in zip(mine, others, strict=True):
                written += first.feed(one)
                second.feed(other)

            assert b"second-word" not in written + first.end()

    def test_writing_waits_for_nothing(self, dialect: Dialect, bodies: Bodies) -> None:
        """It runs on the event loop for every token: no file, no network, no sleep."""
        for call in _calls(dialect, bodies):
            results = answer(call, (Delta(text="x"),))
            write(dialect, call, results)

            with no_io("feed and end"):
                write(dialect, call, results)

    def test_a_cut_stream_never_ends_as_success(self, dialect: Dialect, bodies: Bodies) -> None:
        """After an in-band error no success marker follows, and the error says what happened: wrong data is worse than none."""
        for call in _calls(dialect, bodies):
            if not call.stream or isinstance(call.request, EmbeddingRequest):
                continue
            whole = write(dialect, call, answer(call, (Delta(text="x"),)))
            success = _mark(frames(whole)[-1])

            begun: tuple[list[Result], ...] = ([Delta(text="x")], [Delta(text="x"), Delta(finish="stop")], [])
            for results in begun:
                cut = frames(write(dialect, call, results, FAILURE))
                assert success is None or success not in [_mark(frame) for frame in cut], f"a cut stream has {success}"
                assert any(FAILURE.message in frame.get("data", "") for frame in cut), "the error is not in the stream"

    def test_an_answer_without_a_finish_is_an_error(self, dialect: Dialect, bodies: Bodies) -> None:
        """``end`` raises a ``CallError`` where a choice did not finish: half an answer is never passed off as a whole one."""
        for call in _calls(dialect, bodies):
            renderer = dialect.renderer(call, "served-model")
            if not isinstance(call.request, EmbeddingRequest):
                renderer.feed(Delta(text="half an ans"))

            with pytest.raises(CallError):
                renderer.end()

    def test_every_error_has_all_members(self, dialect: Dialect) -> None:
        """``message``, ``type``, ``param`` and ``code`` for every error there is: SDKs read them without asking."""
        for error in _errors():
            document = json.loads(dialect.error(error))

            assert self.error_members <= set(document["error"]), f"{type(error).__name__} lacks members"
            assert document["error"]["message"] == error.message
            if "code" in self.error_members:
                assert isinstance(document["error"]["code"], str)

    def test_any_message_can_be_written(self, dialect: Dialect) -> None:
        """Messages quote what clients sent: quotes, line ends, lone surrogates."""
        for text in ('"\n\r\0', "\ud800", "🙂" * 1000):
            assert json.loads(dialect.error(CallError(text, param=text)))["error"]["message"]

    def test_a_heartbeat_is_no_event(self, dialect: Dialect) -> None:
        """It keeps a silent stream open and means nothing to clients: a comment, or an event of its own, whole."""
        beat = dialect.heartbeat()

        assert beat.endswith(b"\n\n")
        assert not any(frame.get("data", "").startswith("[DONE]") for frame in frames(beat))

    def check_whole(self, call: Call, what: str, written: bytes) -> None:
        """Look at one whole answer."""
        if call.stream and not isinstance(call.request, EmbeddingRequest):
            assert frames(written), f"a streamed answer of {what} has no event"
        else:
            assert json.loads(written), f"a plain answer of {what} is empty"


def _calls(dialect: Dialect, bodies: Bodies) -> Iterator[Call]:
    for route in text_routes(dialect):
        for body in bodies[route.path]:
            yield call_of(dialect, route, encode(body))


def _errors() -> Iterator[CallError]:
    yield ContextLengthExceeded(prompt_tokens=9, context_tokens=8)
    for _, cls in inspect.getmembers(error_tree, inspect.isclass):
        if issubclass(cls, CallError) and cls is not ContextLengthExceeded:
            yield cls("It cannot be done.")
            yield cls("It cannot be done.", param="messages[0]", code="special", retry_after_s=1.5, extras={"seen": 1})


def _mark(frame: Mapping[str, Any]) -> str | None:
    """What tells one kind of event from another: its name, its ``type``, or data that is no JSON; else None."""
    if "event" in frame:
        return str(frame["event"])
    data = str(frame.get("data", ""))
    try:
        document = json.loads(data)
    except ValueError:
        return data
    return str(document["type"]) if isinstance(document, dict) and "type" in document else None


def _strings(written: bytes, call: Call) -> list[str]:
    """Every string inside an answer."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    for data in [frame["data"] for frame in frames(written)] if call.stream else [written.decode()]:
        if data.startswith("{"):
            walk(json.loads(data))
    return found
