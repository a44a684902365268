"""The official ``anthropic`` client for Python: messages, streams, counts and errors."""

from __future__ import annotations

import json

import anthropic
import httpx
import pytest
from anthropic.types import Message, Usage

pytestmark = pytest.mark.model

GREEDY = {"temperature": 0}
"""Newer clients have no such parameter; the API has."""
ASK = [{"role": "user", "content": "What is the capital of France?"}]


def prompt_tokens(usage: Usage) -> int:
    """Return all tokens that were read, those of the cache included."""
    return usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_a_message_is_answered(claude, model):
    """Read strictly by the SDK's own type: content, a reason for the end, usage, an id, and the id of the call."""
    raw = claude.messages.with_raw_response.create(model=model, max_tokens=12, messages=ASK, extra_body=GREEDY)

    answer = Message.model_validate_json(raw.text(), strict=True)
    assert ["text"] == [block.type for block in answer.content]
    assert answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert 0 < answer.usage.output_tokens <= 12
    assert prompt_tokens(answer.usage) > 0
    assert answer.id.startswith("msg_")
    assert (model, "assistant", "message") == (answer.model, answer.role, answer.type)
    assert raw.headers["x-request-id"]


def test_the_system_prompt_is_read(claude):
    """As a string and as blocks; a count shows that both are in the prompt."""
    without = claude.messages.count_tokens(model="echo", messages=ASK)

    as_text = claude.messages.count_tokens(model="echo", messages=ASK, system="Say it in verse.")
    as_blocks = claude.messages.count_tokens(model="echo", messages=ASK, system=[{"type": "text", "text": "Say it in verse."}])

    assert without.input_tokens < as_text.input_tokens == as_blocks.input_tokens


@pytest.mark.parametrize("model", ["smollm2", "echo"])
def test_streamed_and_plain_answers_are_the_same(claude, model):
    """Text, reason and usage of greedy answers, put together by the SDK itself."""
    asked = {"model": model, "max_tokens": 16, "messages": ASK, "extra_body": GREEDY}

    plain = claude.messages.create(**asked)
    with claude.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert plain.content[0].text == text == final.content[0].text
    assert (plain.stop_reason, prompt_tokens(plain.usage)) == (final.stop_reason, prompt_tokens(final.usage))
    assert plain.usage.output_tokens == final.usage.output_tokens


def test_events_come_in_the_documented_order(live_server):
    """Named as their data says, one block of text between the start and the end of the message."""
    asked = {"model": "smollm2", "max_tokens": 5, "stream": True, "messages": ASK}
    headers = {"x-api-key": live_server.key, "anthropic-version": "2023-06-01"}

    answer = httpx.post(f"{live_server.url}/v1/messages", json=asked, headers=headers, timeout=120)

    blocks = [block for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    events = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    names = [event["event"] for event in events]
    assert names == [json.loads(event["data"])["type"] for event in events]
    assert ["message_start", "ping", "content_block_start"] == names[:3]
    assert {"content_block_delta"} == set(names[3:-3])
    assert ["content_block_stop", "message_delta", "message_stop"] == names[-3:]
    assert "text/event-stream" in answer.headers["content-type"]


def test_a_stop_sequence_ends_the_answer_and_is_named(claude):
    """Which of them it was; the text ends before it."""
    answer = claude.messages.create(
        model="echo", max_tokens=99, stop_sequences=["never", "three"], messages=[{"role": "user", "content": "one two three four"}]
    )

    assert ("stop_sequence", "three") == (answer.stop_reason, answer.stop_sequence)
    assert "one two " == answer.content[0].text


def test_the_limit_of_tokens_is_a_reason(claude):
    """``max_tokens``."""
    answer = claude.messages.create(model="smollm2", max_tokens=3, messages=ASK)

    assert ("max_tokens", 3) == (answer.stop_reason, answer.usage.output_tokens)


def test_an_answer_goes_on_with_what_is_put_in_its_mouth(claude):
    """The last message is the model's: the answer follows it and does not repeat it."""
    begun = [*ASK, {"role": "assistant", "content": "The capital of France is"}]

    answer = claude.messages.create(model="smollm2", max_tokens=6, messages=begun, extra_body=GREEDY)

    assert "Paris" in answer.content[0].text
    assert "capital" not in answer.content[0].text.split("Paris")[0]


def test_thinking_is_a_block_of_its_own(claude):
    """Plain and streamed; it has no signature, and can be sent back."""
    asked = {"model": "thinker", "max_tokens": 2048, "thinking": {"type": "enabled", "budget_tokens": 1024}}

    plain = claude.messages.create(**asked, messages=ASK)
    with claude.messages.stream(**asked, messages=ASK) as stream:
        final = stream.get_final_message()
    again = claude.messages.create(**asked, messages=[*ASK, plain.to_param(), {"role": "user", "content": "And?"}])

    for answer in (plain, final, again):
        assert ["thinking", "text"] == [block.type for block in answer.content]
        assert ("Two and two, hm.", "") == (answer.content[0].thinking, answer.content[0].signature)
        assert "Four." == answer.content[1].text
        assert "end_turn" == answer.stop_reason


def test_thinking_that_is_to_be_omitted_is_not_shown(claude):
    """``display``."""
    thinking = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}

    answer = claude.messages.create(model="thinker", max_tokens=2048, thinking=thinking, messages=ASK)

    assert ["text"] == [block.type for block in answer.content]


def test_a_schema_is_kept(claude):
    """``output_config.format`` is enforced from the first token on."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}

    answer = claude.messages.create(
        model="smollm2", max_tokens=60, messages=ASK, output_config={"format": {"type": "json_schema", "schema": schema}}
    )

    assert ["city"] == list(json.loads(answer.content[0].text))


def test_tokens_are_counted_as_the_model_reads_them(claude):
    """The count is what the answer's usage says then; a prompt that is too long is counted, too."""
    counted = claude.messages.count_tokens(model="smollm2", messages=ASK, system="Be brief.")
    answer = claude.messages.create(model="smollm2", messages=ASK, system="Be brief.", max_tokens=1)
    long = claude.messages.count_tokens(model="smollm2", messages=[{"role": "user", "content": "word " * 4000}])

    assert counted.input_tokens == prompt_tokens(answer.usage)
    assert long.input_tokens > 4000


@pytest.mark.parametrize(
    ("asked", "error", "kind", "told"),
    [
        ({"model": "gone"}, anthropic.NotFoundError, "not_found_error", "gone"),
        ({"messages": []}, anthropic.BadRequestError, "invalid_request_error", "messages: at least one message is required"),
        (
            {"extra_body": {"temperature": 1.5}},
            anthropic.BadRequestError,
            "invalid_request_error",
            "temperature: Input should be less than",
        ),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            anthropic.BadRequestError,
            "invalid_request_error",
            "web_search_20250305",
        ),
    ],
)
def test_errors_are_raised_as_anthropics_are(claude, asked, error, kind, told):
    """By status, type and message."""
    with pytest.raises(error) as raised:
        claude.messages.create(**{"model": "echo", "max_tokens": 9, "messages": ASK} | asked)

    body = raised.value.body
    assert ("error", kind) == (body["type"], body["error"]["type"])
    assert told in body["error"]["message"]


def test_a_wrong_key_is_an_authentication_error(live_server):
    """In ``x-api-key``, and never shown."""
    wrong = anthropic.Anthropic(base_url=live_server.url, api_key="sk_wrong", max_retries=0)

    with wrong as client, pytest.raises(anthropic.AuthenticationError) as raised:
        client.messages.create(model="echo", max_tokens=9, messages=ASK)

    assert "authentication_error" == raised.value.body["error"]["type"]
    assert "sk_wrong" not in "".join(live_server.log)


def test_a_model_that_is_blind_refuses_images(claude):
    """400, before anything runs."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}

    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(model="smollm2", max_tokens=9, messages=[{"role": "user", "content": [image]}])


def test_what_has_no_effect_is_named(claude):
    """In ``x-llmlb-ignored-parameters``; marks for a cache are no wish that anybody would miss."""
    raw = claude.messages.with_raw_response.create(
        model="echo", max_tokens=9, messages=ASK, cache_control={"type": "ephemeral"}, extra_body={"novelty": 1}
    )

    assert "novelty" == raw.headers["x-llmlb-ignored-parameters"]


def test_the_route_is_listed(live_server):
    """``supported_apis`` of models of text."""
    headers = {"x-api-key": live_server.key}

    listed = httpx.get(f"{live_server.url}/v1/models/smollm2", headers=headers).json()

    assert "messages" in listed["supported_apis"]


def test_the_beta_routes_are_the_same(claude):
    """They differ by a query, as what is built on the client calls them."""
    answer = claude.beta.messages.create(model="echo", max_tokens=20, messages=ASK, betas=["context-1m-2025-08-07"])
    counted = claude.beta.messages.count_tokens(model="echo", messages=ASK)

    assert ASK[0]["content"] == answer.content[0].text
    assert counted.input_tokens == prompt_tokens(answer.usage)


def test_a_bearer_token_is_taken_too(live_server):
    """As ``ANTHROPIC_AUTH_TOKEN`` sends it."""
    with anthropic.Anthropic(base_url=live_server.url, api_key=None, auth_token=live_server.key, max_retries=0) as client:
        answer = client.messages.create(model="echo", max_tokens=20, messages=ASK)

    assert "end_turn" == answer.stop_reason


def test_models_are_listed_by_their_names(claude):
    """In OpenAI's form, of which the client reads the names."""
    assert {"smollm2", "echo"} <= {model.id for model in claude.models.list().data}


async def test_the_asynchronous_client_works_alike(async_claude):
    """Plain, streamed, counted."""
    plain = await async_claude.messages.create(model="echo", max_tokens=20, messages=ASK)
    async with async_claude.messages.stream(model="echo", max_tokens=20, messages=ASK) as stream:
        final = await stream.get_final_message()
    counted = await async_claude.messages.count_tokens(model="echo", messages=ASK)

    assert plain.content[0].text == final.content[0].text == ASK[0]["content"]
    assert prompt_tokens(plain.usage) == counted.input_tokens


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
