"""The kit for dialects of servers: how requests are written, how answers and refusals are read."""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs
import pytest

from llmlb_core import (
    AnswerReader,
    ChatRequest,
    CountRequest,
    Delta,
    EmbeddingRequest,
    Message,
    Operation,
    Result,
    Sampling,
    ServerDialect,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    split_events,
)
from llmlb_testing.io_guard import no_io

MODEL = "a model/of:theirs?x#y"
KEY = "k-7f3a"
_NOTHING = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"{}",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b"<html>",
    b'{"error": 7}',
    b'{"error": null}',
    b"[" * 20_000,
)
_SEAL = "c2VhbA=="
RICH = ChatRequest(
    messages=(
        Message("system", (TextPart("Be brief."),)),
        Message("user", (TextPart("Hi — 木"),)),
        Message(
            "assistant",
            (TextPart("Hm."),),
            tool_calls=(ToolCall("call_1", "look", '{"at":12345678901234567890}'),),
            thinking=(Thinking("of-nobody", "kind", "text", _SEAL),),
        ),
        Message("tool", (TextPart("seen"),), tool_call_id="call_1"),
        Message("user", (TextPart("And?"),)),
    ),
    sampling=Sampling(temperature=0.5, top_p=0.9, top_k=5, min_p=0.1, seed=3, max_tokens=50, logit_bias=((1, 2.0),)),
    stop=("END",),
    tools=(Tool("look", "Looks.", '{"type":"object","properties":{"at":{"type":"integer"}}}'),),
    parallel_tool_calls=False,
    reasoning_effort="low",
    user="u-1",
)
PLAIN = ChatRequest(messages=(Message("user", (TextPart("Hi"),)),))


class ServerDialectContract:
    """Rules of ``llmlb_core.ServerDialect`` and ``AnswerReader``.

    Needs the fixtures ``dialect``, ``streams``: whole answers to ``PLAIN`` as a server streams them, some with tools and thinking,
    and ``plain_answers``: the same kind, not streamed. Both are bytes; none has an error.
    """

    def test_it_writes_one_path_and_json(self, dialect: ServerDialect) -> None:
        """A model's name is no way to another path or another header; the same request is the same bytes; nothing waits."""
        for request in (RICH, PLAIN, *_others(dialect)):
            for stream in (False, True):
                with no_io("encode"):
                    encoded = dialect.encode(request, MODEL, stream=stream)

                assert encoded == dialect.encode(request, MODEL, stream=stream)
                assert encoded.path.startswith("/")
                assert encoded.path.isascii()
                assert not set(" \r\n#") & set(encoded.path)
                assert encoded.path.count("?") <= 1
                assert isinstance(json.loads(encoded.body), dict)

    def test_headers_are_lower_case_and_the_key_is_in_them_alone(self, dialect: ServerDialect) -> None:
        """A key in an address stands in logs; what clients may send along is never a credential."""
        headers = (*dialect.credential(KEY), *dialect.headers, *dialect.encode(PLAIN, MODEL, stream=False).headers)

        assert all(name == name.lower() for name, _ in headers)
        assert any(KEY in value for _, value in dialect.credential(KEY))
        assert not {name for name, _ in dialect.credential(KEY)} & set(dialect.passed_on)
        assert all(name == name.lower() for name in dialect.passed_on)

    def test_a_root_has_no_slash_at_its_end(self, dialect: ServerDialect) -> None:
        """Paths are appended to it; operators write addresses with and without one."""
        for path in ("", "/", "/v1", "/deep/v1/"):
            root = dialect.root(path)

            assert root == dialect.root(root)
            assert not root.endswith("/")

    def test_what_it_lacks_is_named_and_can_be_left_out(self, dialect: ServerDialect) -> None:
        """Settings decide between a refusal and a header; either way ``encode`` goes on without it."""
        lacking = dialect.lacks(RICH, MODEL)

        assert len(set(lacking)) == len(lacking)
        assert all(name.isidentifier() for name in lacking)
        assert dialect.lacks(PLAIN, MODEL) == ()
        assert ("user" in lacking) == (b"u-1" not in dialect.encode(RICH, MODEL, stream=False).body)

    def test_only_its_own_seals_are_sent_and_they_are_sent_unchanged(
        self, dialect: ServerDialect, streams: Sequence[bytes]
    ) -> None:
        """A provider refuses a conversation with a seal that is not its own, or not as it was."""
        messages = list(RICH.messages)
        own = attrs.evolve(messages[2], thinking=(Thinking(dialect.name, "thinking", "text", "b3duIHNlYWw/Kz0="),))
        foreign = dialect.encode(RICH, MODEL, stream=False).body

        assert _SEAL.encode() not in foreign
        if any(_told(dialect, stream, "thinking") for stream in streams):
            body = dialect.encode(attrs.evolve(RICH, messages=(*messages[:2], own, *messages[3:])), MODEL, stream=False).body
            assert b"b3duIHNlYWw/Kz0=" in body

    def test_a_stream_is_read_the_same_however_it_comes(self, dialect: ServerDialect, streams: Sequence[bytes]) -> None:
        """In single events, or all at once; then it is finished, and nothing is wrong. Reading waits for nothing."""
        for stream in streams:
            with no_io("read"):
                single = _read(dialect, [event for event, _ in split_events(stream)])
            whole = _read(dialect, [stream])

            assert single.results == whole.results
            for reader in (single, whole):
                assert reader.fault is None
                assert reader.is_finished
                assert not reader.is_flowing
                assert not reader.is_open
                assert reader.has_content
                assert reader.end() == b""

    def test_results_follow_the_rules_of_deltas(
        self, dialect: ServerDialect, streams: Sequence[bytes], plain_answers: Sequence[bytes]
    ) -> None:
        """One finish reason for each choice, usage once and last; calls begin with id and name, seals have their dialect's name."""
        plain = [_plain(dialect, answer).results for answer in plain_answers]
        for results in (*(_read(dialect, [stream]).results for stream in streams), *plain):
            deltas = [result for result in results if isinstance(result, Delta)]
            finished = [delta.choice for delta in deltas if delta.finish is not None]

            assert deltas
            assert sorted(finished) == sorted({delta.choice for delta in deltas})
            assert [delta.usage is not None for delta in deltas].count(True) <= 1
            assert not any(delta.usage for delta in deltas[:-1])
            assert all(each.dialect == dialect.name for delta in deltas for each in delta.thinking)
            begun: set[tuple[int, int]] = set()
            for delta in deltas:
                for call in delta.tool_calls:
                    if (delta.choice, call.index) not in begun:
                        assert call.id
                        assert call.name
                        begun.add((delta.choice, call.index))

    def test_a_cut_stream_is_not_whole(self, dialect: ServerDialect, streams: Sequence[bytes]) -> None:
        """Half an answer is no answer, however politely it ends."""
        for stream in streams:
            reader = dialect.answer(PLAIN, stream=True)
            for event, _ in split_events(stream):
                if not reader.is_finished and not any(isinstance(each, Delta) and each.finish for each in reader.results):
                    assert not reader.ends(is_certain=True)
                    assert not reader.ends(is_certain=False)
                reader.read(event)

    def test_nothing_makes_reading_raise(self, dialect: ServerDialect) -> None:
        """What is not of the dialect is no refusal, no end, and a fault or nothing where it is an event."""
        for body in _NOTHING:
            with no_io("read_refusal"):
                told = dialect.read_refusal(500, {}, body)
            reader = dialect.answer(PLAIN, stream=True)
            reader.read(b"data: " + body + b"\n\n")

            assert told is None or isinstance(told.message, str)
            assert not reader.is_finished
            with pytest.raises(ValueError, match=r"\S"):
                _plain(dialect, body)

    def test_a_document_that_was_cut_anywhere_is_no_answer(self, dialect: ServerDialect, plain_answers: Sequence[bytes]) -> None:
        """Its connection may have broken: it is a failure, and another try is made."""
        for answer in plain_answers:
            for length in range(0, len(answer.rstrip()), max(1, len(answer) // 40)):
                with pytest.raises(ValueError, match=r"\S"):
                    _plain(dialect, answer[:length])


def _others(dialect: ServerDialect) -> list[CountRequest | EmbeddingRequest]:
    others: list[CountRequest | EmbeddingRequest] = []
    if Operation.COUNT_TOKENS in dialect.operations:
        others.append(CountRequest(chat=RICH))
    if Operation.EMBEDDING in dialect.operations:
        others.append(EmbeddingRequest(inputs=("a", "b")))
    return others


def _read(dialect: ServerDialect, pieces: Sequence[bytes]) -> AnswerReader:
    reader = dialect.answer(PLAIN, stream=True)
    for piece in pieces:
        reader.read(piece)
    return reader


def _plain(dialect: ServerDialect, body: bytes) -> AnswerReader:
    reader = dialect.answer(PLAIN, stream=False)
    reader.read_plain(body)
    return reader


def _told(dialect: ServerDialect, stream: bytes, name: str) -> list[Result]:
    return [result for result in _read(dialect, [stream]).results if getattr(result, name, None)]
