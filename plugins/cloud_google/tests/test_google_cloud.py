"""Calls of ``google:`` models through a whole server, with OpenAI's own client, to a server that checks what Google would."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import openai
import pytest
from llmlb_cloud_google import llmlb_clouds
from llmlb_testing.doors import open_doors
from llmlb_testing.providers.base import Scripted
from llmlb_testing.providers.google import GoogleProvider, error, event, response

from llmlb_core.settings.load import load_settings

TOML = """
[auth]
is_disabled = true
[log]
access = false
[plugins]
enabled = ["dialect_openai", "dialect_google", "cloud_google", "router_auto", "router_basic", "admission_fair"]
[dispatch]
back_off_s = 0.001
max_back_off_s = 0.001
{more}
"""
MODEL = "google:gemini-2.5-flash"
HI = [{"role": "user", "content": "hi"}]
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}},
}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.2s"}


@asynccontextmanager
async def serving(tmp_path, monkeypatch, *, keys="key-1", more=""):
    async with GoogleProvider.open() as google:
        monkeypatch.delenv("GEMINI_API_KEY", raising=False)
        monkeypatch.setenv("GOOGLE_API_KEY", keys)
        monkeypatch.setenv("GOOGLE_API_BASE_URL", google.url)
        (tmp_path / "llmlb.toml").write_text(TOML.format(more=more))
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})
        async with (
            open_doors(settings) as doors,
            openai.AsyncOpenAI(base_url=f"{doors.url}/v1", api_key="none", max_retries=0, timeout=20) as client,
        ):
            yield client, google


async def gather(chunks, seen, came):
    async for chunk in chunks:
        seen += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        if seen:
            came.set()


def asked(google):
    """Return the calls, without lists of models."""
    return [each for each in google.asked if each.method == "POST"]


def test_the_provider_is_described_by_data_alone():
    """Both names of variables count (4b6e9f2a); prices are per million tokens."""
    (cloud,) = llmlb_clouds()

    assert ("google", "google", "https://generativelanguage.googleapis.com/v1beta") == (cloud.name, cloud.dialect, cloud.base_url)
    assert ("GOOGLE_API_KEY", "GEMINI_API_KEY") == cloud.key_env
    assert ("GOOGLE_API_BASE_URL", "GOOGLE_BASE_URL") == cloud.base_url_env
    assert all(0 <= price.input < 1000 and 0 <= price.output < 1000 for price in cloud.prices.values())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_chat_is_translated_both_ways(tmp_path, monkeypatch, stream):
    """The prefix is removed, the key is a header, usage and the finish reason are there (4b6e9f2a-F2)."""
    async with serving(tmp_path, monkeypatch) as (client, google):
        if stream:
            chunks = [
                chunk
                async for chunk in await client.chat.completions.create(
                    model=MODEL, messages=HI, stream=True, stream_options={"include_usage": True}
                )
            ]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            finish, usage = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1], chunks[-1].usage
        else:
            answer = await client.chat.completions.create(model=MODEL, messages=HI, temperature=0.5, max_tokens=9)
            text, finish, usage = answer.choices[0].message.content, answer.choices[0].finish_reason, answer.usage

    (call,) = asked(google)
    assert ("Hello.", "stop", 6, []) == (text, finish, usage.total_tokens, google.problems)
    assert f"/v1beta/models/gemini-2.5-flash:{'streamGenerateContent' if stream else 'generateContent'}" == call.path
    assert ("key-1", "alt=sse" if stream else "") == (call.headers["x-goog-api-key"], call.query)
    assert "authorization" not in call.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_and_answer(tmp_path, monkeypatch, stream):
    """Two at once, with the ids that Google gave them; their results find the names of the functions again."""
    calls = [{"functionCall": {"id": f"g{number}", "name": "look", "args": {"at": place}}} for number, place in enumerate("xy")]
    said = response(*calls, finish="STOP")
    async with serving(tmp_path, monkeypatch) as (client, google):
        google.script(Scripted(events=[event(said)]) if stream else Scripted(document=said))
        if stream:
            async with client.chat.completions.stream(model=MODEL, messages=HI, tools=[TOOL]) as events:
                answer = await events.get_final_completion()
        else:
            answer = await client.chat.completions.create(model=MODEL, messages=HI, tools=[TOOL])
        message = answer.choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": "seen"} for call in message.tool_calls]
        sent = {
            "role": "assistant",
            "tool_calls": [
                call.model_dump(include={"id": True, "type": True, "function": {"name", "arguments"}})
                for call in message.tool_calls
            ],
        }
        await client.chat.completions.create(model=MODEL, messages=[*HI, sent, *results], tools=[TOOL])

    assert ("tool_calls", [], ["g0", "g1"]) == (
        answer.choices[0].finish_reason,
        google.problems,
        [call.id for call in message.tool_calls],
    )
    answers = asked(google)[1].json["contents"][-1]["parts"]
    assert [("g0", "look"), ("g1", "look")] == [
        (part["functionResponse"]["id"], part["functionResponse"]["name"]) for part in answers
    ]


async def test_embeddings_are_translated(tmp_path, monkeypatch):
    """In the order of the inputs, as long as one."""
    async with serving(tmp_path, monkeypatch) as (client, google):
        answer = await client.embeddings.create(model="google:gemini-embedding-001", input=["a", "b"], dimensions=2)

    assert [[0.6, 0.8]] * 2 == [pytest.approx(each.embedding, abs=1e-6) for each in answer.data]
    assert (5, []) == (answer.usage.prompt_tokens, google.problems)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bad_key_makes_room_for_the_next(tmp_path, monkeypatch, stream):
    """Google answers 400 to it, which is not the client's fault."""
    async with serving(tmp_path, monkeypatch, keys="key-1,key-2") as (client, google):
        google.script(Scripted(400, error(400, "API key not valid. Please pass a valid API key.", details=[BAD_KEY])))
        answer = await client.chat.completions.create(model=MODEL, messages=HI, stream=stream)
        if stream:
            assert "Hello." == "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])

    assert {"key-1", "key-2"} == {each.headers["x-goog-api-key"] for each in asked(google)}


async def test_a_limit_says_when_to_come_back(tmp_path, monkeypatch):
    """Google tells it in the document and in no header (4b6e9f2a-F8)."""
    async with serving(tmp_path, monkeypatch) as (client, google):
        google.script(Scripted(429, error(429, "You exceeded your current quota.", "RESOURCE_EXHAUSTED", [RETRY])))
        with pytest.raises(openai.RateLimitError) as raised:
            await client.chat.completions.create(model=MODEL, messages=HI)

    assert "35" == raised.value.response.headers["retry-after"]
    assert "You exceeded your current quota" in raised.value.message
    assert 1 == len(asked(google))


@pytest.mark.parametrize(
    ("status", "document", "kind", "words"),
    [
        (400, error(400, "Unknown name."), openai.BadRequestError, "Unknown name"),
        (404, error(404, "models/x is not found for API version v1beta", "NOT_FOUND"), openai.NotFoundError, "is not found"),
        (
            400,
            error(400, "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
            openai.BadRequestError,
            "(9)",
        ),
        (400, error(400, "API key not valid.", details=[BAD_KEY]), openai.AuthenticationError, "API key not valid"),
        (403, error(403, "No.", "PERMISSION_DENIED"), openai.PermissionDeniedError, "No"),
        (500, error(500, "An internal error.", "INTERNAL"), openai.InternalServerError, "An internal error"),
    ],
)
async def test_errors_keep_googles_words(tmp_path, monkeypatch, status, document, kind, words):
    """With our types and statuses (4b6e9f2a-F4)."""
    async with serving(tmp_path, monkeypatch) as (client, google):
        google.script(*[Scripted(status, document)] * 9)
        with pytest.raises(kind) as raised:
            await client.chat.completions.create(model=MODEL, messages=HI)

    assert words in raised.value.message
    assert "key-1" not in raised.value.message


async def test_a_stream_that_breaks_is_not_ended_as_if_it_were_whole(tmp_path, monkeypatch):
    """Nor is one in which an error is told, once something is out; before that it is asked for again."""
    came = asyncio.Event()
    failing = [event(response({"text": "Hal"})), event(error(503, "overloaded", "UNAVAILABLE"))]
    broken = [
        Scripted(events=[event(response({"text": "Hal"}))], breaks=True),
        Scripted(events=failing, waits_for=came),
    ]
    async with serving(tmp_path, monkeypatch) as (client, google):
        for script in broken:
            came.clear()
            google.script(script)
            chunks = await client.chat.completions.create(model=MODEL, messages=HI, stream=True)
            seen: list[str] = []
            with pytest.raises(openai.APIError):
                await gather(chunks, seen, came)
            assert ["Hal"] == seen
        google.script(Scripted(events=failing))
        chunks = await client.chat.completions.create(model=MODEL, messages=HI, stream=True)
        seen = []
        await gather(chunks, seen, came)

    assert "Hello." == "".join(seen)


async def test_what_google_does_not_know_is_refused_or_dropped(tmp_path, monkeypatch):
    """By its name (issue 7)."""
    async with serving(tmp_path, monkeypatch) as (client, google):
        with pytest.raises(openai.BadRequestError) as raised:
            await client.chat.completions.create(model=MODEL, messages=HI, logit_bias={"5": 1})
    async with serving(tmp_path, monkeypatch, more='[clouds.google]\nunsupported = "drop"') as (client, google):
        answer = await client.chat.completions.with_raw_response.create(model=MODEL, messages=HI, logit_bias={"5": 1})

    assert "logit_bias" == raised.value.param
    assert ("logit_bias", []) == (answer.headers["x-llmlb-ignored-parameters"], google.problems)
