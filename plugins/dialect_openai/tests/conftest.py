"""Calls as the pipeline makes them, answers written from scripted deltas, and the SDK's types read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import httpx2
import openai
import pytest
from llmlb_dialect_openai.dialect import OpenAIDialect
from openai.types import responses
from pydantic import BaseModel

from llmlb_core import Call, Head, Principal, Renderer, Result
from llmlb_core.errors import CallError, RouteNotFound

EVENT_TYPES = {
    get_args(event.model_fields["type"].annotation)[0]: event for event in get_args(get_args(responses.ResponseStreamEvent)[0])
}

# Members that OpenAI's service or its users' tools have and the SDK's types of this version do not.
EXTENSIONS = {"reasoning_content", "store", "name"}


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
    text = json.dumps(data) if isinstance(data, dict) else data
    value = model.model_validate_json(text, strict=True)
    assert extras_of(value) <= EXTENSIONS
    return value


def read_event(data: dict[str, Any]) -> Any:
    """Read one event of the Responses API strictly."""
    return read_strictly(EVENT_TYPES[data["type"]], data)


def frames(stream: bytes) -> list[tuple[str | None, str]]:
    """Split server-sent events into (event, data)."""
    assert stream.endswith(b"\n\n")
    found = []
    for block in stream.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"]))
    return found


@pytest.fixture
def strictly() -> Callable[..., Any]:
    """Reads by an SDK type."""
    return read_strictly


@pytest.fixture
def strict_event() -> Callable[[dict[str, Any]], Any]:
    """Reads an event of the Responses API."""
    return read_event


@pytest.fixture
def split_frames() -> Callable[[bytes], list[tuple[str | None, str]]]:
    """Splits a stream."""
    return frames


@pytest.fixture
def dialect() -> OpenAIDialect:
    """The dialect."""
    return OpenAIDialect()


@pytest.fixture
def decode(dialect: OpenAIDialect) -> Callable[..., Any]:
    """Decodes a body for a route."""

    def decode_body(path: str, body: dict[str, Any] | bytes) -> Any:
        route = next(route for route in dialect.routes if route.path == path)
        return dialect.decode(route, body if isinstance(body, bytes) else json.dumps(body).encode())

    return decode_body


def make_call(dialect: OpenAIDialect, path: str, body: bytes) -> Call:
    """Parse and decode a request into the call that a renderer gets."""
    route = next((route for route in dialect.routes if route.path == path), None)
    if route is None:
        raise RouteNotFound(f"nothing is served at {path}")
    routing = dialect.parse(route, body)
    decoded = dialect.decode(route, body)
    return Call(
        id="req-1",
        head=Head("POST", path, "", {}, "127.0.0.1:1", 0.0),
        route=route,
        dialect=dialect,
        body=body,
        model=routing.model or "",
        stream=routing.stream,
        principal=Principal("key:1"),
        deadline_at=0.0,
        request=decoded.request,
        ignored=decoded.ignored,
    )


def write_answer(call: Call, renderer: Renderer, results: Iterable[Result]) -> bytes:
    """Write a whole answer as the stage ``render`` does: an error is in band once a stream has begun."""
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
def render(dialect: OpenAIDialect) -> Callable[..., bytes]:
    """Writes a whole answer: request body and results in, bytes out."""

    def write(path: str, body: dict[str, Any], results: Iterable[Result], *, model: str = "served") -> bytes:
        call = make_call(dialect, path, json.dumps({"model": "m", **body}).encode())
        return write_answer(call, dialect.renderer(call, model), results)

    return write


@pytest.fixture
def renderer_of(dialect: OpenAIDialect) -> Callable[..., Any]:
    """Makes the renderer of a request."""

    def make(path: str, body: dict[str, Any]) -> Any:
        return dialect.renderer(make_call(dialect, path, json.dumps({"model": "m", **body}).encode()), "served")

    return make


@pytest.fixture
def sdk(dialect: OpenAIDialect) -> Callable[[Sequence[Result]], openai.OpenAI]:
    """The official client, whose requests the dialect reads and answers from a script; only the network is missing."""

    def client(results: Sequence[Result]) -> openai.OpenAI:
        def answer(request: httpx2.Request) -> httpx2.Response:
            try:
                call = make_call(dialect, request.url.path, request.content)
                renderer = dialect.renderer(call, call.model)
                content = write_answer(call, renderer, results)
            except CallError as error:
                return httpx2.Response(error.status, content=dialect.error(error), headers={"content-type": "application/json"})
            return httpx2.Response(200, content=content, headers={"content-type": renderer.content_type})

        transport = httpx2.MockTransport(answer)
        return openai.OpenAI(
            base_url="http://llmlb.test/v1", api_key="sk_x", http_client=httpx2.Client(transport=transport), max_retries=0
        )

    return client
