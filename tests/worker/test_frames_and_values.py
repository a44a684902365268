"""Frames and the values in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.domain.chat import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    ImagePart,
    Message,
    ResponseFormat,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmlb_core.domain.models import LocalModel, ModelFacts, Placement
from llmlb_core.domain.results import Delta, TokenLogprob, ToolCallDelta, TopLogprob, Usage, Vectors
from llmlb_core.errors import ContextLengthExceeded, EngineFailed, InvalidRequest, ModelFilesInvalid, NoEndpoint
from llmlb_core.worker import codec, faults
from llmlb_core.worker.frames import HEAD, Fault, Frame, FrameInvalid, FrameReader, Kind, Load, pack
from llmlb_core.worker.limits import MAX_FRAME_BYTES

CHAT = ChatRequest(
    messages=(
        Message("system", (TextPart("be brief"),), name="boss"),
        Message("user", (TextPart("look"), ImagePart("data:image/png;base64,AA", "low"))),
        Message("assistant", tool_calls=(ToolCall("call_1", "see", '{"x":'),), reasoning="hm"),
        Message("tool", (TextPart("ok"),), tool_call_id="call_1"),
    ),
    sampling=Sampling(temperature=0.5, seed=7, logit_bias=((3, -100.0),), max_tokens=9),
    n=2,
    stop=("a", "b"),
    logprobs=True,
    top_logprobs=3,
    tools=(Tool("see", "looks", '{"type":"object"}', strict=True),),
    tool_choice=ToolChoice("required", ("see",)),
    response_format=ResponseFormat("json_schema", "s", "{}", strict=True),
    reasoning_effort="low",
)


@pytest.mark.parametrize(
    "request_",
    [
        CHAT,
        CompletionRequest(prompts=("once", (1, 2, 3)), echo=True, suffix="end"),
        EmbeddingRequest(inputs=("a", (4, 5)), dimensions=8),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_request_crosses_unchanged(request_):
    """What the worker reads equals what the server wrote, parts of both kinds included."""
    read = codec.decode_request(codec.encode_request(request_))

    assert request_ == read


def test_results_cross_unchanged():
    """Deltas and vectors keep every field."""
    delta = Delta(
        1,
        "é",
        "hm",
        (ToolCallDelta(0, "call_1", "see", "{}"),),
        (TokenLogprob("é", -0.5, (195, 169), (TopLogprob("e", -1.0, (101,)),)),),
        "tool_calls",
        Usage(1, 2, 3, 4, is_partial=True),
    )
    vectors = Vectors(b"\0\1\2\3" * 4, 2, 2, Usage(5))

    assert delta == codec.decode_delta(codec.encode(delta))
    assert vectors == codec.decode_vectors(codec.encode(vectors))


def test_a_model_crosses_with_its_paths_and_options():
    """Paths are paths again, and options keep their TOML types."""
    model = LocalModel(
        "m", ModelFacts("gguf"), directory=Path("/models/m"), main="m.gguf", options={"a": [1, 2.5, "x", {"b": True}]}
    )
    load = Load(model, Placement(threads=3), Path("/data"))

    read = codec.decode(codec.encode(load), Load)

    assert load == read


@given(
    st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=300)), max_size=8), st.integers(1, 64)
)
def test_frames_are_found_again_however_the_stream_is_cut(sent, step):
    """Any cutting of the bytes gives the same frames."""
    stream = b"".join(pack(*frame) for frame in sent)
    reader = FrameReader()

    read = [frame for i in range(0, len(stream), step) for frame in reader.feed(stream[i : i + step])]

    assert [Frame(*frame) for frame in sent] == read


def test_an_announced_length_above_the_bound_is_refused_before_it_is_read():
    """Nine bytes are enough to refuse; nothing is collected for them."""
    with pytest.raises(FrameInvalid, match=str(MAX_FRAME_BYTES + 1)):
        list(FrameReader().feed(HEAD.pack(MAX_FRAME_BYTES + 1, Kind.DELTA, 1)))


def test_an_unknown_kind_is_refused():
    """Both sides must speak the same protocol."""
    with pytest.raises(FrameInvalid, match="kind 99"):
        list(FrameReader().feed(HEAD.pack(0, 99, 1)))


def test_a_payload_above_the_bound_is_not_sent():
    """The sender finds out, not the other side."""
    with pytest.raises(FrameInvalid, match="at most"):
        pack(Kind.DELTA, 1, bytes(MAX_FRAME_BYTES + 1))


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("bad", param="messages[0]", code="special"),
        ContextLengthExceeded(prompt_tokens=10, context_tokens=5, max_tokens=3),
        NoEndpoint("none", retry_after_s=2.5),
        ModelFilesInvalid("torn"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_its_class_and_its_facts(error):
    """Status, code, parameter, message and extras are the same on the server's side."""
    again = faults.rebuild(codec.decode(codec.encode(faults.describe(error)), Fault))

    facts = ("message", "status", "type", "code", "param", "retry_after_s", "extras")
    assert type(error) is type(again)
    assert [getattr(error, fact, None) for fact in facts] == [getattr(again, fact, None) for fact in facts]
    assert str(error) == str(again)


def test_a_plugins_own_error_class_arrives_as_the_nearest_known_one():
    """A subclass that the server does not have keeps its base class."""

    class TooLoud(InvalidRequest):
        code = "too_loud"

    again = faults.rebuild(faults.describe(TooLoud("quiet")))

    assert InvalidRequest is type(again)
    assert "too_loud" == again.code


def test_what_engine_code_raises_is_not_shown_to_clients():
    """The class of a foreign exception is told, its text is not."""
    error = faults.foreign(ValueError("the prompt was: secret"), "m", "echo")

    assert EngineFailed is type(error)
    assert "secret" not in error.message
    assert "ValueError" in error.message
