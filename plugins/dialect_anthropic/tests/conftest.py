"""Calls as the pipeline makes them, answers written from scripted deltas, and the SDK's types read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import anthropic
import httpx2
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from llmlb_dialect_anthropic.dialect import AnthropicDialect
from llmlb_testing.answers import call_of
from pydantic import BaseModel

from llmlb_core import Call, Result
from llmlb_core.errors import CallError, RouteNotFound

MESSAGES = "/v1/messages"
EVENT_TYPES = {get_args(event.model_fields["type"].annotation)[0]: event for event in get_args(get_args(RawMessageStreamEvent)[0])}


def extras_of(value: object) -> set[str]:
    """Collect members that no type knows, at any depth."""
    if isinstance(value, list):
        return set().union(*(extras_of(item) for item in value))
    if not isinstance(value, BaseModel):
        return set()
    found = set(value.model_extra or {})
    for name in type(value).model_fields:
        found |= extras_of(getattr(value, name))
    return found


def read_strictly(model: type[BaseModel], data: bytes | str | dict[str, Any]) -> Any:
    """Read *data* by an SDK type: every required member, no coercion, nothing that the type does not know."""
    value = model.model_validate_json(json.dumps(data) if isinstance(data, dict) else data, strict=True)
    assert set() == extras_of(value)
    return value


def frames(stream: bytes) -> list[dict[str, Any]]:
    """Split a stream into its events, each of the name that its data says."""
    assert stream.endswith(b"\n\n")
    found = []
    for block in stream.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert f"event: {event['type']}" == name
        if event["type"] in EVENT_TYPES:
            read_strictly(EVENT_TYPES[event["type"]], event)
        found.append(event)
    return found


def make_call(dialect: AnthropicDialect, path: str, body: bytes) -> Call:
    """Parse and decode a request into the call that a renderer gets."""
    route = next((route for route in dialect.routes if route.path == path), None)
    if route is None:
        raise RouteNotFound(f"nothing is served at {path}")
    return call_of(dialect, route, body)


def write_answer(dialect: AnthropicDialect, call: Call, results: Iterable[Result]) -> bytes:
    """Write a whole answer as the stage ``render`` does: an error is in band once a stream has begun."""
    renderer = dialect.renderer(call, "served")
    written = b""
    try:
        for result in results:
            written += renderer.feed(result)
        return written + renderer.end()
    except CallError as error:
        if not (call.stream and written):
            raise
        return written + renderer.error(error)


@pytest.fixture
def dialect() -> AnthropicDialect:
    """The dialect."""
    return AnthropicDialect()


@pytest.fixture
def body() -> dict[str, Any]:
    """The smallest body."""
    return {"model": "m", "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def decode(dialect: AnthropicDialect) -> Callable[..., Any]:
    """Decodes a body for a route."""

    def decode_body(body: dict[str, Any] | bytes, path: str = MESSAGES) -> Any:
        route = next(route for route in dialect.routes if route.path == path)
        return dialect.decode(route, body if isinstance(body, bytes) else json.dumps(body).encode())

    return decode_body


@pytest.fixture
def stream(dialect: AnthropicDialect, body: dict[str, Any]) -> Callable[..., list[dict[str, Any]]]:
    """Writes results as events, each of them valid by the SDK's types."""

    def write(*results: Result, **members: Any) -> list[dict[str, Any]]:
        call = make_call(dialect, MESSAGES, json.dumps({**body, "stream": True, **members}).encode())
        return frames(write_answer(dialect, call, results))

    return write


@pytest.fixture
def plain(dialect: AnthropicDialect, body: dict[str, Any]) -> Callable[..., Any]:
    """Writes results as one object, valid by the SDK's type."""

    def write(*results: Result, **members: Any) -> Any:
        call = make_call(dialect, MESSAGES, json.dumps({**body, **members}).encode())
        return read_strictly(Message, write_answer(dialect, call, results))

    return write


@pytest.fixture
def sdk(dialect: AnthropicDialect) -> Callable[[Sequence[Result]], anthropic.Anthropic]:
    """The official client, whose requests the dialect reads and answers from a script; only the network is missing."""

    def client(results: Sequence[Result]) -> anthropic.Anthropic:
        def answer(request: httpx2.Request) -> httpx2.Response:
            try:
                call = make_call(dialect, request.url.path, request.content)
                content = write_answer(dialect, call, results)
            except CallError as error:
                return httpx2.Response(error.status, content=dialect.error(error), headers={"content-type": "application/json"})
            kind = dialect.renderer(call, "served").content_type
            return httpx2.Response(200, content=content, headers={"content-type": kind})

        transport = httpx2.MockTransport(answer)
        return anthropic.Anthropic(
            base_url="http://llmlb.test", api_key="sk_x", http_client=httpx2.Client(transport=transport), max_retries=0
        )

    return client
