"""Every pair of dialects that is translated, both ways: requests as the public references show them, answers in their shapes.

``requests`` holds what clients send, each with the page of the reference that it follows; ``golden`` what a server is sent for it,
and what the client is answered, streamed and not. ``LLMLB_UPDATE=1`` writes ``golden`` anew: read the difference before keeping it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from attrs import evolve
from llmlb_dialect_anthropic.dialect import AnthropicDialect
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_dialect_google.dialect import GoogleDialect
from llmlb_dialect_openai.dialect import OpenAIDialect
from llmlb_dialect_openai.server.dialect import OpenAIServerDialect
from llmlb_testing.calls import make_call
from llmlb_testing.providers import anthropic, google, openai

from llmlb_core.clouds.refusals import read_error_of
from llmlb_core.upstream.translated import refusal_of

FOLDER = Path(__file__).parent
CLIENTS = {"openai": OpenAIDialect(), "anthropic": AnthropicDialect()}
SERVERS = {
    "openai": (OpenAIServerDialect(), "gpt-5"),
    "anthropic": (AnthropicServerDialect(), "claude-sonnet-4-5"),
    "google": (GoogleDialect(), "gemini-2.5-flash"),
}
PAIRS = [(client, server) for client in CLIENTS for server in SERVERS if client != server]
CASES = ("text", "tools", "image", "schema", "thinking")
SAID = {"text": "Hello there.", "image": "A green dot.", "schema": '{"name":"science fair","date":"Friday"}', "thinking": "Yes."}
TOWNS = ("Paris, France", "Bogotá, Colombia")
_UNSTABLE = re.compile(r"(chatcmpl|msg|call|toolu|req)[-_][0-9a-zA-Z]{12,}")


def openai_answer(case):
    """Return a plain document and a stream."""
    if case == "tools":
        functions = [(f"call_{number}", "get_weather", {"location": town}) for number, town in enumerate(TOWNS)]
        plain, stream = openai.calls(*functions), openai.calls(*functions, stream=True)
    elif case == "thinking":
        message = {"reasoning_content": "Euclid showed it.", "content": SAID[case]}
        plain, stream = openai.answers(message), openai.answers({"content": SAID[case]}, stream=True)
        thought = openai.chunk({"index": 0, "delta": {"reasoning_content": "Euclid showed it."}, "finish_reason": None})
        return plain.document, b"".join([stream.events[0], thought, *stream.events[1:]])
    else:
        plain, stream = openai.says(SAID[case]), openai.says(SAID[case], stream=True)
    return plain.document, b"".join(stream.events)


def anthropic_answer(case):
    """Return the same in Anthropic's shapes."""
    content, reason = [{"type": "text", "text": SAID.get(case, "I'll check both.")}], "end_turn"
    if case == "tools":
        reason = "tool_use"
        content += [
            {"type": "tool_use", "id": f"toolu_{number}", "name": "get_weather", "input": {"location": town}}
            for number, town in enumerate(TOWNS)
        ]
    elif case == "thinking":
        content.insert(0, {"type": "thinking", "thinking": "Euclid showed it.", "signature": "EqQBCgIYAhIM+/=="})
        content.insert(1, {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"})
    return anthropic.message(content, reason), b"".join(anthropic.events(content, reason))


def google_answer(case):
    """Return the same in Google's shapes."""
    parts = [{"text": SAID.get(case, "I'll check both.")}]
    if case == "tools":
        parts += [{"functionCall": {"name": "get_weather", "args": {"location": town}}} for town in TOWNS]
        parts[1]["thoughtSignature"] = "CiQBjz1rX0="
    elif case == "thinking":
        parts = [{"text": "Euclid showed it.", "thought": True}, {**parts[0], "thoughtSignature": "CiQBjz1rX1="}]
    usage = {
        "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 15}
    }
    events = [google.response(part) for part in parts[:-1]] + [google.response(parts[-1], finish="STOP", **usage)]
    return google.response(*parts, finish="STOP", **usage), b"".join(map(google.event, events))


ANSWERS = {"openai": openai_answer, "anthropic": anthropic_answer, "google": google_answer}
ERRORS = {
    "openai": lambda status: openai.FakeOpenAI().error(status, "too hot"),
    "anthropic": lambda status: anthropic.FakeAnthropic().error(status, "too hot"),
    "google": lambda status: google.error(status, "too hot"),
}


def stable(value):
    """Return *value* with what is made up for each answer named instead."""
    if isinstance(value, dict):
        return {name: 0 if name in ("created", "created_at") else stable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [stable(each) for each in value]
    return _UNSTABLE.sub(r"\1-made-up", value) if isinstance(value, str) else value


def events_of(data):
    """Return what a stream says, event by event."""
    found = [line[6:] for line in data.decode().splitlines() if line.startswith("data: ")]
    return [each if each == "[DONE]" else stable(json.loads(each)) for each in found]


def translated(client, server, case):
    """Return what the server is sent and what the client is answered."""
    front, (dialect, model) = CLIENTS[client], SERVERS[server]
    given = json.loads((FOLDER / "requests" / f"{client}_{case}.json").read_text())
    assert given["source"].startswith("https://")
    plain, stream = ANSWERS[server](case)
    made = {"source": given["source"]}
    for name, is_stream, answer in (("plain", False, json.dumps(plain).encode()), ("stream", True, stream)):
        body = json.dumps({**given["body"], **({"stream": True} if is_stream else {})}).encode()
        route = front.routes[0]
        request = front.decode(route, body).request
        encoded = dialect.encode(request, model, stream=is_stream)
        call = evolve(make_call(stream=is_stream, body=body), dialect=front, route=route, request=request)
        reader, renderer = dialect.answer(request, stream=is_stream), front.renderer(call, f"{server}:{model}")
        (reader.read if is_stream else reader.read_plain)(answer)
        out = b"".join([*(renderer.feed(result) for result in reader.results), renderer.end()])
        made[f"sent_{name}"] = {"path": encoded.path, "body": json.loads(encoded.body)}
        made[f"answered_{name}"] = events_of(out) if is_stream else stable(json.loads(out))
    made["lacks"] = list(dialect.lacks(request, model))
    return made


def check(name, made):
    """Compare with the golden file, or write it."""
    file = FOLDER / "golden" / f"{name}.json"
    if os.environ.get("LLMLB_UPDATE"):
        file.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    assert json.loads(file.read_text()) == made


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_request_and_its_answer_are_translated_as_they_were_reviewed(client, server, case):
    """Text, parallel tools and their results, pictures, schemas, thinking; streamed and not."""
    check(f"{client}_to_{server}_{case}", translated(client, server, case))


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_errors_are_translated_as_they_were_reviewed(client, server):
    """The provider's words, in the client's shape, with a status that its SDK knows."""
    front, dialect = CLIENTS[client], SERVERS[server][0]
    made = {}
    for status in (400, 401, 403, 404, 413, 429, 500, 503):
        body = json.dumps(ERRORS[server](status)).encode()
        error = read_error_of(server, dialect)(status, {}, body) or refusal_of(f"cloud:{server}", status, body, dialect)
        made[str(status)] = {"status": error.status, "document": json.loads(front.error(error))}
    check(f"{client}_to_{server}_errors", made)
