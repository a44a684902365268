"""Streams of servers, read while they pass: what is content, what is an end, what is a fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_dialect_openai.stream.chunks import ChunkReader
from llmlb_dialect_openai.stream.response import ResponseReader

from llmlb_core import DIFFERS, UNFINISHED, Identity, Transcript, Usage

END_MARK = b"data: [DONE]\n\n"


def event(document: object) -> bytes:
    """Return one event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(delta: dict | None = None, *, index: int = 0, finish: str | None = None, **members: object) -> bytes:
    """Return one chunk of a chat."""
    return event({"id": "a", "created": 1, "choices": [{"index": index, "delta": delta or {}, "finish_reason": finish}], **members})


def text(word: str, **members: object) -> bytes:
    """Return a step of text."""
    return chunk({"content": word}, **members)


def reader(count: int = 1, *, wants_usage: bool = False) -> ChunkReader:
    """Return a reader that has seen a first step of text."""
    made = ChunkReader(count, wants_usage=wants_usage)
    made.read(text("one"))
    return made


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"role": "assistant"}, False),
        ({"role": "assistant", "content": ""}, False),
        ({"content": None, "tool_calls": []}, False),
        ({}, False),
        ({"content": "a"}, True),
        ({"reasoning_content": "a"}, True),
        ({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": ""}}]}, True),
        ({"audio": {"data": "x"}}, True),
    ],
)
def test_what_a_client_can_notice_is_content(delta, expected):
    """A role is none."""
    made = ChunkReader(1, wants_usage=False)

    passed = made.read(chunk(delta))

    assert (chunk(delta), expected) == (passed, made.has_content)


def test_a_stream_is_finished_by_a_reason_for_each_choice():
    """One is not enough where two were asked for."""
    made = reader(2)

    states = []
    for index in (0, 1):
        made.read(chunk(index=index, finish="stop"))
        states.append((made.is_finished, made.ends(is_certain=True)))

    assert [(False, False), (True, True)] == states
    assert END_MARK == made.end()
    assert b"" == made.end()


def test_usage_that_was_asked_for_belongs_to_the_end():
    """Where a server never tells it, a clean end is an end all the same."""
    made = reader(wants_usage=True)

    made.read(chunk(finish="length"))
    before = (made.is_finished, made.ends(is_certain=True), made.ends(is_certain=False))
    made.read(event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}))

    assert (False, True, False) == before
    assert made.is_finished
    assert Usage(3, 4) == made.usage


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (b"data: {nonsense\n\n", "malformed_event"),
        (b"data: 7\n\n", "malformed_event"),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', "malformed_event"),
        (b'data: {"error":{"message":"no"}}\n\n', "upstream_error"),
        (END_MARK, "bad_gateway"),
    ],
)
def test_a_fault_ends_what_is_passed_on(broken, code, several):
    """What came before it is passed on, what comes after it is not."""
    made = reader()

    if several:
        passed = made.read(text("two") + broken + text("three"))
    else:
        passed = made.read(text("two")) + made.read(broken) + made.read(text("three"))

    assert text("two") == passed
    assert (code, False) == (made.fault.code, made.is_flowing)
    assert 2 == made.transcript.count


def test_after_the_end_mark_nothing_is_passed_on():
    """It would be nobody's text."""
    made = reader()

    passed = made.read(chunk(finish="stop") + END_MARK + text("more"))

    assert chunk(finish="stop") + END_MARK == passed


@pytest.mark.parametrize("comment", [b": ping\n\n", b"event: x\n\n", b"id: 1\nretry: 5\n\n"])
def test_comments_pass(comment):
    """They are no content, and no fault."""
    made = reader()

    assert text("two") + comment == made.read(text("two") + comment)
    assert made.fault is None


def test_empty_data_is_left_out():
    """No text is lost by that, and clients cannot read it."""
    assert text("two") == reader().read(b"data:\n\n" + text("two") + b"data: \n\n")


WORDS = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=12)


@given(WORDS, st.data())
def test_a_replay_goes_on_where_the_stream_broke(words, data):
    """With the id of what broke; delivered and new text are the whole, however either cuts it."""
    whole = "".join(words)
    at = data.draw(st.integers(1, len(whole)))
    first = ChunkReader(1, wants_usage=False)
    first.read(text(whole[:at]))
    second = ChunkReader(1, wants_usage=False)

    assert second.follow(first.transcript, first.identity)
    passed = b"".join([second.read(text(word, id="b", created=2)) for word in words])
    passed += second.read(chunk(finish="stop", id="b", created=2)) + second.read(END_MARK)

    chunks = [json.loads(line[6:]) for line in passed.split(b"\n\n") if line.startswith(b"data: {")]
    assert whole[at:] == "".join(each["choices"][0]["delta"].get("content", "") for each in chunks)
    assert {("a", 1)} == {(each["id"], each["created"]) for each in chunks}
    assert passed.endswith(END_MARK)
    assert second.is_finished
    assert Identity("a", 1) == second.identity


@pytest.mark.parametrize(
    "other",
    [text("two"), text("on") + chunk(finish="stop"), chunk({"reasoning_content": "one"}), chunk({"audio": {"x": 1}})],
)
def test_an_answer_that_differs_is_a_fault(other):
    """Nothing of it is passed on."""
    second = ChunkReader(1, wants_usage=False)
    second.follow(reader().transcript, None)

    passed = second.read(other)

    if second.fault is None:  # it may have said as much as was delivered in one piece
        passed += second.read(text("three") + chunk(finish="stop"))
    assert b"" == passed
    assert DIFFERS == second.fault.code


def test_a_tool_call_is_gone_on_with():
    """The rest of its arguments comes without a second id or name."""

    def call(**function: str) -> bytes:
        return chunk({"tool_calls": [{"index": 0, "id": "other", "type": "function", "function": function}]})

    first = ChunkReader(1, wants_usage=False)
    first.read(call(name="f", arguments='{"x"'))
    second = ChunkReader(1, wants_usage=False)
    second.follow(first.transcript, first.identity)

    passed = second.read(call(name="f", arguments='{"x": 1}'))

    (delta,) = json.loads(passed[6:])["choices"]
    assert [{"index": 0, "type": "function", "function": {"arguments": ": 1}"}}] == delta["delta"]["tool_calls"]


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    """Whatever a server sends is content, a fault, or nothing."""
    made = reader()
    made.read(data)
    made.read(b"data: " + data + b"\n\n")
    ResponseReader().read(b"data: " + data + b"\n\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "content", "index", "tool_calls", "function", "arguments", "usage", "id", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage", "id", "created", "response", "type"]), JSON, max_size=4), st.booleans())
def test_no_document_raises(document, follows):
    """Servers send anything."""
    made = ChunkReader(1, wants_usage=False)
    if follows:
        made.follow(reader().transcript, Identity("a", 1))
    made.read(event(document))
    ResponseReader().read(event(document))


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_a_response_ends_with_its_last_event(end):
    """Its usage is in there."""
    usage = {"input_tokens": 7, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}
    events = [
        {"type": "response.created", "response": {"usage": None}},
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.completed", "response": {"usage": usage, "error": None}},
    ]
    line = end[: len(end) // 2]
    made = ResponseReader()

    states = []
    for each in events:
        data = f"event: {each['type']}{line}data: {json.dumps(each)}{end}".encode()
        assert data == made.read(data)
        states.append((made.has_content, made.is_finished))

    assert [(False, False), (True, False), (True, True)] == states
    assert Usage(7, 5, reasoning_tokens=2) == made.usage


@pytest.mark.parametrize(
    "document",
    [
        {"type": "error", "message": "no", "code": "server_error"},
        {"type": "response.failed", "response": {"error": {"message": "no", "code": "server_error"}}},
    ],
)
def test_a_response_that_fails_is_a_fault(document):
    """In the server's words, for the call's error."""
    made = ResponseReader()

    assert b"" == made.read(event(document))
    assert "no" == json.loads(made.fault.error)["error"]["message"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-Infinity}]}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":NaN}]}}]}',
    ],
)
def test_what_javascript_and_python_write_is_not_malformed(data):
    """JSON's readers of these languages take it, and so it passes unchanged (rule 12)."""
    made = ChunkReader(1, wants_usage=False)
    first, second = event({"choices": [{"index": 0, "delta": {"content": "x"}}]}), b"data: " + data + b"\n\n"

    passed = made.read(first) + made.read(second)

    assert first + second == passed
    assert made.fault is None


def rest_of(identity, *words):
    """Return a reader of what follows *words*, under a lowered limit."""
    delivered = Transcript()
    for word in words:
        delivered.add("0", word)
    rest = ChunkReader(1, wants_usage=True)
    assert rest.go_on(delivered, identity, is_capped=True)
    return rest


def test_rule_7_a_rest_is_added_to_what_was_delivered():
    """As chunks of the first answer, without a role; nothing of it before there is text. Usage is of all."""
    rest = rest_of(Identity("a", 1), "one", " two")

    role = rest.read(chunk({"role": "assistant", "content": ""}, id="b", created=2))
    has_content = rest.has_content
    passed = rest.read(
        chunk({"role": "assistant", "content": " three"}, id="b", created=2) + chunk(finish="stop", id="b", created=2)
    )
    passed += rest.read(b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}\n\n')

    chunks = [json.loads(line[6:]) for line in passed.split(b"\n\n") if line]
    assert (b"", False) == (role, has_content)
    assert [{"content": " three"}, {}] == [each["choices"][0]["delta"] for each in chunks[:2]]
    assert {("a", 1)} == {(each["id"], each["created"]) for each in chunks}
    assert {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10} == chunks[2]["usage"]
    assert (Usage(7, 3, is_counted=True), True, False) == (rest.usage, rest.is_finished, rest.is_open)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (chunk({"reasoning_content": "so"}), DIFFERS),
        (chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}), DIFFERS),
        (chunk({"audio": {"x": 1}}), DIFFERS),
        (chunk(finish="length"), UNFINISHED),
    ],
)
def test_rule_7_what_is_no_rest_is_a_fault(more, code):
    """More than text, or an end that only the lowered limit made."""
    rest = rest_of(None, "one")

    passed = rest.read(text(" two") + more)

    assert [" two"] == [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in passed.split(b"\n\n") if line]
    assert code == rest.fault.code
