"""Rule 7, *continue*: what vLLM and llama.cpp are asked, and what is not tried."""

from __future__ import annotations

import json

import pytest
from llmlb_endpoint_servers import llmlb_endpoints

from llmlb_core import EndpointKind

KINDS = {kind.name: kind for kind in llmlb_endpoints()}
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ASKED = [{"role": "user", "content": "hi"}]


def asked(kind="vllm", delivered="The cat", route=CHAT, version="0.11.0", body=None, **members):
    """Return what the kind would send; None where it declines."""
    start = {"model": "m", "stream": True, **({"messages": ASKED} if route == CHAT else {"prompt": "Once"})}
    data = json.dumps({**start, **members}).encode() if body is None else body
    found = KINDS[kind].continue_body(route, data, delivered, version)
    return None if found is None else (json.loads(found.body), found.is_capped)


@pytest.mark.parametrize("kind", ["vllm", "llamacpp"])
def test_rule_7_a_chat_goes_on_with_its_last_message(kind):
    """As vLLM documents it; nothing else of the request is changed."""
    body = {
        "model": "m",
        "stream": True,
        "messages": [*ASKED, {"role": "assistant", "content": "The cat"}],
        "temperature": 0.7,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }

    assert (body, False) == asked(kind, temperature=0.7)


@pytest.mark.parametrize("kind", ["vllm", "llamacpp"])
def test_rule_7_a_completion_goes_on_with_its_prompt(kind):
    """Without the members of chats; a prompt is not trimmed, so the text may begin with a space."""
    body = {"model": "m", "stream": True, "prompt": "Once upon", "max_tokens": 95}

    assert (body, True) == asked(kind, " upon", COMPLETIONS, max_tokens=100)


def test_rule_7_no_answer_gets_longer_than_was_asked_for():
    """A token is a byte or more: what is out is taken for as many tokens as it could be."""
    assert ({"max_tokens": 93, "max_completion_tokens": 53}, True) == (
        {name: asked(max_tokens=100, max_completion_tokens=60)[0][name] for name in ("max_tokens", "max_completion_tokens")},
        asked(max_tokens=100, max_completion_tokens=60)[1],
    )
    assert asked(delivered="Katzenmöbel"[:8] + "ö", max_tokens=11) is None, "11 bytes"
    assert asked(max_tokens=7) is None


def test_rule_7_the_default_of_completions_is_a_limit_too():
    """Where nobody says how many, vLLM ends after 16 tokens; llama.cpp does not."""
    assert 9 == asked("vllm", route=COMPLETIONS)[0]["max_tokens"]
    assert "max_tokens" not in asked("llamacpp", route=COMPLETIONS)[0]
    assert asked("vllm", "a text of seventeen", COMPLETIONS) is None


TEXTS = ["", " The", "The ", "The\n", "<think>The", "The</think>", "a <|im_end|> b", "[TOOL_CALLS] f", "<tool_call>{", "◁think▷ so"]


@pytest.mark.parametrize("text", TEXTS)
def test_rule_7_texts_that_a_server_may_read_differently_are_not_continued(text):
    """White space that templates trim; marks that nobody took apart."""
    assert asked(delivered=text) is None


MEMBERS = {
    "n": 2,
    "best_of": 2,
    "echo": True,
    "tools": [{"type": "function"}],
    "functions": [{}],
    "response_format": {"type": "json_object"},
    "logprobs": True,
    "top_logprobs": 2,
    "prompt_logprobs": 1,
    "stop": "x",
    "stop_token_ids": [1],
    "min_tokens": 3,
    "presence_penalty": 0.1,
    "frequency_penalty": -1,
    "repetition_penalty": 1.1,
    "logit_bias": {"1": 5},
    "continue_final_message": False,
    "add_generation_prompt": True,
    "guided_json": {},
    "suffix": "end",
    "reasoning_effort": "high",
    "somebody_elses": 1,
    "max_tokens": -1,
    "max_completion_tokens": "12",
}


@pytest.mark.parametrize(("name", "value"), MEMBERS.items(), ids=MEMBERS)
def test_rule_7_members_that_mean_something_else_for_a_rest_are_not_continued(name, value):
    """They count, look for, or force what is in the part that is out; or nobody knows what they do."""
    assert asked(**{name: value}) is None


def test_rule_7_members_with_their_neutral_values_do_no_harm():
    """Clients send them all the time."""
    members = {"n": 1, "stop": None, "tools": [], "logprobs": False, "frequency_penalty": 0, "response_format": {"type": "text"}}

    assert asked(**members) is not None


@pytest.mark.parametrize(
    "messages",
    [None, [], "hi", [*ASKED, {"role": "assistant", "content": "The"}], [*ASKED, "hi"], [{"content": "hi"}]],
)
def test_rule_7_only_a_message_that_asks_is_answered(messages):
    """One of the assistant at the end would have been gone on with in the first place."""
    assert asked(messages=messages) is None


@pytest.mark.parametrize("prompt", [None, ["Once"], [1, 2], 7])
def test_rule_7_only_a_prompt_of_text_is_gone_on_with(prompt):
    """Tokens cannot be added to without the model's tokenizer; several prompts have several answers."""
    assert asked(route=COMPLETIONS, prompt=prompt, max_tokens=100) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5000])
@pytest.mark.parametrize("route", [CHAT, COMPLETIONS, "/v1/responses"])
def test_rule_7_bad_bodies_are_declined(body, route):
    """Without an exception."""
    assert asked(route=route, body=body) is None


@pytest.mark.parametrize(("version", "is_known"), [("0.6.3", True), ("0.6.3.post1", True), ("v0.10.1", True), ("0.6.2", False)])
def test_rule_7_vllm_is_asked_only_where_it_knows_the_member(version, is_known):
    """Older ones overlook it and begin another answer."""
    assert is_known == (asked(version=version) is not None)


@pytest.mark.parametrize("version", [None, "", "dev"])
def test_rule_7_vllm_without_a_version_is_not_asked(version):
    """Never guessed."""
    assert asked(version=version) is None


def test_rule_7_no_other_kind_continues():
    """SGLang does not document it, Ollama and LM Studio neither."""
    able = {name for name, kind in KINDS.items() if type(kind).continue_body is not EndpointKind.continue_body}

    assert {"vllm", "llamacpp"} == able
