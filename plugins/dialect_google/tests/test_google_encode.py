"""What becomes of requests that the reference has no example for."""

from __future__ import annotations

import json

import pytest

from llmlb_core import (
    ChatRequest,
    CountRequest,
    EmbeddingRequest,
    ImagePart,
    Message,
    RerankRequest,
    ResponseFormat,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)
from llmlb_core.errors import UnsupportedParameter

PIXEL = ImagePart("data:image/png;base64,iVBORw0KGgo=")


def user(*parts):
    return Message("user", tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


def chat(*messages, **more):
    return ChatRequest(messages=messages or (user("hi"),), **more)


def called(arguments="{}", seal=None, call_id="c1"):
    thinking = None if seal is None else Thinking("google", "google_thought", "", seal)
    return Message("assistant", tool_calls=(ToolCall(call_id, "look", arguments, thinking),))


def answered(*parts, call_id="c1", **more):
    return Message("tool", user(*parts).parts, tool_call_id=call_id, **more)


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-flash", False, "/models/gemini-2.5-flash:generateContent"),
        ("models/gemini-2.5-flash", True, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("tunedModels/my one", False, "/tunedModels/my%20one:generateContent"),
        ("../evil?x#y", False, "/models/..%2Fevil%3Fx%23y:generateContent"),
    ],
)
def test_a_models_name_stays_one_piece_of_the_path(dialect, model, stream, path):
    """Whatever a client writes as a name, nothing else is asked."""
    encoded = dialect.encode(chat(), model, stream=stream)

    assert (path, ()) == (encoded.path, encoded.headers)


def test_the_key_is_a_header_and_the_root_has_a_version(dialect):
    """In an address, as ``?key=`` (4b6e9f2a), it would stand in logs; a path that was configured is taken as it is."""
    assert (("x-goog-api-key", "k"),) == dialect.credential("k")
    assert ["/v1beta", "/v1beta", "/v1", "/google/v1beta"] == [dialect.root(path) for path in ("", "/", "/v1", "/google/v1beta/")]


def test_what_gemini_has_no_word_for_is_named_and_left_out(dialect, sent):
    """Settings decide whether the call is refused for it."""
    odd = chat(
        sampling=Sampling(logit_bias=((1, 2.0),), min_p=0.1, repeat_penalty=1.1),
        user="u-1",
        tools=(Tool("look"),),
        parallel_tool_calls=False,
        reasoning_effort="ludicrous",
    )

    assert ("logit_bias", "min_p", "repeat_penalty", "user", "parallel_tool_calls", "reasoning_effort") == dialect.lacks(
        odd, "gemini-2.5-flash"
    )
    assert {"contents", "tools"} == set(sent(odd))
    assert () == dialect.lacks(chat(sampling=Sampling(temperature=0, seed=1), reasoning_effort="none"), "gemini-2.5-flash")
    assert () == dialect.lacks(EmbeddingRequest(inputs=("a",)), "gemini-embedding-001")


@pytest.mark.parametrize(("model", "can"), [("gemini-2.5-flash", True), ("gemini-2.5-pro", False), ("gemini-3.1-pro", False)])
def test_a_model_that_always_thinks_cannot_be_told_not_to(dialect, model, can):
    """By effort, or by a budget of 0; it is told to think least."""
    assert (() if can else ("reasoning_effort",)) == dialect.lacks(chat(reasoning_effort="none"), model)
    assert (() if can else ("thinking_tokens",)) == dialect.lacks(chat(thinking_tokens=0), model)


@pytest.mark.parametrize(
    ("request_", "param", "words"),
    [
        (chat(stop=tuple("abcdef")), "stop", "at most 5"),
        (chat(user(ImagePart("ftp://host/cat.png"))), "messages", "ftp://host/cat.png"),
        (chat(user(ImagePart("data:image/png,raw"))), "messages", "base64"),
        (chat(answered("7", call_id="lost")), "messages", "lost"),
        (EmbeddingRequest(inputs=("a", (1, 2))), "input", "Input 1 is token ids"),
        (RerankRequest(query="a", documents=("b",)), None, "RerankRequest"),
    ],
)
def test_what_would_change_the_meaning_is_refused(dialect, request_, param, words):
    """With the canonical name, and what was seen."""
    with pytest.raises(UnsupportedParameter, match=words) as raised:
        dialect.encode(request_, "gemini-2.5-flash", stream=False)

    assert param == raised.value.param


def test_a_conversation_of_instructions_alone_becomes_what_the_user_says(sent):
    """Without contents Google refuses."""
    body = sent(chat(Message("system", (TextPart("Say hi."),))))

    assert {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]} == body


def test_empty_text_is_left_out_but_for_a_turn_that_is_nothing_else(sent):
    """The model's turn that said nothing vanishes; the user's stays."""
    body = sent(chat(user("", "a"), Message("assistant"), user("")))

    assert [{"role": "user", "parts": [{"text": "a"}, {"text": ""}]}] == body["contents"]


def test_answers_of_tools_are_a_turn_of_their_own(sent):
    """In the order of the client, whoever speaks next."""
    body = sent(chat(user("go"), called(), answered("7"), user("and?")))

    assert [["text"], ["functionCall"], ["functionResponse"], ["text"]] == [
        [next(iter(part)) for part in turn["parts"]] for turn in body["contents"]
    ]
    assert {"output": "7"} == body["contents"][2]["parts"][0]["functionResponse"]["response"]


@pytest.mark.parametrize(("model", "count"), [("gemini-2.5-flash", 2), ("gemini-3.5-flash", 1)])
def test_pictures_of_tools_are_inside_where_the_model_knows_that(sent, model, count):
    """And follow where it does not."""
    parts = sent(chat(user("go"), called(seal="AAAA"), answered("see", PIXEL)), model)["contents"][-1]["parts"]

    assert count == len(parts)
    assert "iVBORw0KGgo=" in json.dumps(parts)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("", {}),
        ('{"a":12345678901234567890.10}', {"a": 12345678901234567890.10}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ('{"a":', {"INVALID_JSON": '{"a":'}),
        ("null", {"INVALID_JSON": "null"}),
    ],
)
def test_arguments_that_are_no_object_do_not_end_a_conversation(dialect, sent, text, args):
    """Those that are pass as they were written, number for number."""
    request = chat(user("go"), called(text), answered("7"))

    assert args == sent(request)["contents"][1]["parts"][0]["functionCall"]["args"]
    if args and "INVALID_JSON" not in args:
        assert text.encode() in dialect.encode(request, "m", stream=False).body


@pytest.mark.parametrize(
    ("model", "seals"),
    [
        ("gemini-2.5-flash", [None, None]),
        ("gemini-3.1-pro-preview", [None, "skip_thought_signature_validator"]),
        ("gemini-flash-latest", [None, "skip_thought_signature_validator"]),
    ],
)
def test_calls_of_other_models_are_marked_as_google_documents_it(sent, model, seals):
    """Only in the turn that is checked, and only where no signature is known."""
    body = sent(chat(user("go"), called(), answered("1"), user("again"), called(call_id="c2"), answered("2", call_id="c2")), model)

    calls = [part for turn in body["contents"] for part in turn["parts"] if "functionCall" in part]
    assert seals == [part.get("thoughtSignature") for part in calls]


@pytest.mark.parametrize(
    ("choice", "strict", "config"),
    [
        (ToolChoice(), False, None),
        (ToolChoice(), True, {"mode": "VALIDATED"}),
        (ToolChoice("auto", ("look",)), False, {"mode": "VALIDATED", "allowedFunctionNames": ["look"]}),
        (ToolChoice("none"), True, {"mode": "NONE"}),
        (ToolChoice("required"), False, {"mode": "ANY"}),
    ],
)
def test_choices_of_tools_are_modes(sent, choice, strict, config):
    """A strict tool wants arguments that fit its schema."""
    body = sent(chat(tools=(Tool("look", strict=strict),), tool_choice=choice))

    assert config == body.get("toolConfig", {}).get("functionCallingConfig")


@pytest.mark.parametrize(
    ("model", "effort", "tokens", "config"),
    [
        ("gemini-2.5-flash", "none", None, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", None, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "high", None, {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-flash-lite", None, 100, {"thinkingBudget": 512, "includeThoughts": True}),
        ("gemini-2.5-pro", None, 99_999, {"thinkingBudget": 32_768, "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", None, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.5-flash-lite", "none", None, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.8-flash", "xhigh", None, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.8-flash", None, 1024, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.8-flash", None, 4096, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-4-pro", None, 20_000, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-2.0-flash", None, None, None),
    ],
)
def test_thinking_is_levels_or_tokens(sent, model, effort, tokens, config):
    """By the model's generation; nothing is said where the client says nothing."""
    body = sent(chat(reasoning_effort=effort, thinking_tokens=tokens), model)

    assert config == body.get("generationConfig", {}).get("thinkingConfig")


@pytest.mark.parametrize(("seed", "expected"), [(-5, -5), (2**31 - 1, 2**31 - 1), (2**40 + 3, 3)])
def test_a_long_seed_is_the_same_short_one_every_time(sent, seed, expected):
    """Google takes 32 bits."""
    assert expected == sent(chat(sampling=Sampling(seed=seed)))["generationConfig"]["seed"]


def test_json_without_a_schema_is_a_type(sent):
    """As is text, which is not named."""
    assert {"responseMimeType": "application/json"} == sent(chat(response_format=ResponseFormat("json_object")))["generationConfig"]
    assert "generationConfig" not in sent(chat())


def test_halves_of_characters_are_sent_as_question_marks(sent):
    """JSON can carry them, UTF-8 cannot; the call goes on."""
    body = sent(chat(user("a\ud83d"), called('{"x":"\ud83d"}'), answered("ok")))

    assert "a?" == body["contents"][0]["parts"][0]["text"]


def test_a_count_has_instructions_and_tools(sent):
    """They are of the prompt, too."""
    body = sent(CountRequest(chat=chat(Message("system", (TextPart("Be."),)), user("hi"), tools=(Tool("look"),))))

    assert {"model", "contents", "systemInstruction", "tools"} == set(body["generateContentRequest"])


def test_inputs_to_embed_go_in_one_request(sent):
    """Each with the length that was asked for."""
    body = sent(EmbeddingRequest(inputs=("a", "b"), dimensions=256), "gemini-embedding-001")

    assert ["a", "b"] == [each["content"]["parts"][0]["text"] for each in body["requests"]]
    assert [256, 256] == [each["outputDimensionality"] for each in body["requests"]]
