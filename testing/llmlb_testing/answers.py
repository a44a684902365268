"""Answers as endpoints give them, scripted, and calls as the pipeline makes them from a body."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmlb_core import (
    Call,
    ChatRequest,
    CompletionRequest,
    Delta,
    Dialect,
    EmbeddingRequest,
    Head,
    Operation,
    Principal,
    Result,
    Route,
    TokenLogprob,
    ToolCallDelta,
    TopLogprob,
    Usage,
    Vectors,
    float32_rows,
)
from llmlb_core.domain.results import FinishReason
from llmlb_core.errors import CallError

USAGE = Usage(prompt_tokens=3, completion_tokens=4)
TEXTS = ("Grüße, ", "世界 🙂 ", 'line\n"quoted" \x00 \u2028')


TEXT_OPERATIONS = frozenset({Operation.CHAT, Operation.RESPONSE, Operation.COMPLETION, Operation.EMBEDDING})


def text_routes(dialect: Dialect) -> tuple[Route, ...]:
    """Return the routes that the kit for dialects looks at; those of sound, pictures and rankings have tests of their own."""
    return tuple(route for route in dialect.routes if route.operation in TEXT_OPERATIONS)


def call_of(dialect: Dialect, route: Route, body: bytes) -> Call:
    """Parse and decode *body* into the call that a renderer gets."""
    routing, decoded = dialect.parse(route, body), dialect.decode(route, body)
    return Call(
        id="req-test",
        head=Head("POST", route.path, "", {}, "127.0.0.1", 0.0),
        route=route,
        dialect=dialect,
        body=body,
        model=routing.model or "",
        stream=bool(routing.stream),
        principal=Principal("key:test"),
        deadline_at=1e9,
        fields=routing,
        request=decoded.request,
        ignored=decoded.ignored,
    )


def choice_count(call: Call) -> int:
    """How many answers *call* asks for."""
    if isinstance(call.request, ChatRequest):
        return call.request.n
    return call.request.n * len(call.request.prompts) if isinstance(call.request, CompletionRequest) else 1


def contents(call: Call) -> Iterator[tuple[str, tuple[Delta, ...]]]:
    """Yield what a model may say to *call*, by kind, for one choice and without its finish."""
    yield "text", tuple(Delta(text=text) for text in TEXTS)
    yield "nothing", ()
    yield "log probabilities", (Delta(text="Ab", logprobs=(_logprob("A"), _logprob("b"))),)
    if call.route.operation in {Operation.CHAT, Operation.RESPONSE}:
        yield "reasoning", (Delta(reasoning="Hm, "), Delta(reasoning="so."), Delta(text="Yes."))
        yield (
            "tool calls",
            (
                Delta(tool_calls=(ToolCallDelta(0, "call_1", "look_up", '{"q": '),)),
                Delta(tool_calls=(ToolCallDelta(0, arguments='"x"}'), ToolCallDelta(1, "call_2", "add", "{}"))),
            ),
        )


def answer(call: Call, content: tuple[Delta, ...], finish: FinishReason = "stop") -> list[Result]:
    """Return a whole answer: *content* for each choice, its finish, then the usage."""
    if isinstance(call.request, EmbeddingRequest):
        count = len(call.request.inputs)
        return [Vectors(float32_rows([[0.6, 0.8]] * count), count, 2, Usage(prompt_tokens=3))]
    from attrs import evolve

    count = choice_count(call)
    said = [evolve(delta, choice=index) for delta in content for index in range(count)]
    return [*said, *(Delta(index, finish=finish) for index in range(count)), Delta(usage=USAGE)]


def write(dialect: Dialect, call: Call, results: list[Result], error: CallError | None = None) -> bytes:
    """Write an answer as the stage ``render`` does: to its end, or to *error* in the middle of a stream."""
    renderer = dialect.renderer(call, "served-model")
    written = b"".join(renderer.feed(result) for result in results)
    return written + (renderer.end() if error is None else renderer.error(error))


def encode(body: object) -> bytes:
    """Return *body* as JSON, lone surrogates and all; bytes as they are."""
    return body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")


def frames(stream: bytes) -> list[Mapping[str, Any]]:
    """Split server-sent events into ``event`` and ``data``; comments are left out.

    Raises:
        AssertionError: It does not end with a whole event, or a line is no field.
    """
    text = stream.decode()
    assert not text or text.endswith("\n\n"), f"the stream ends within an event: {text[-40:]!r}"
    found: list[Mapping[str, Any]] = []
    for block in text.split("\n\n")[:-1]:
        lines = [line.partition(":") for line in block.split("\n") if not line.startswith(":")]
        assert all(name in {"event", "data", "id", "retry"} for name, _, _ in lines), f"no server-sent event: {block!r}"
        if lines:
            found.append({name: value.removeprefix(" ") for name, _, value in lines})
    return found


def _logprob(token: str) -> TokenLogprob:
    return TokenLogprob(token, -0.5, tuple(token.encode()), (TopLogprob(token, -0.5, tuple(token.encode())), TopLogprob("~", -9e9)))
