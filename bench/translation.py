"""What a translated event costs: read in one dialect, written in another, without sockets. ``python -m bench.translation``."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from llmlb_dialect_anthropic.dialect import AnthropicDialect
from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect
from llmlb_dialect_google.dialect import GoogleDialect
from llmlb_dialect_openai.dialect import OpenAIDialect
from llmlb_dialect_openai.server.dialect import OpenAIServerDialect
from llmlb_testing.calls import make_call
from llmlb_testing.providers import anthropic, google, openai

EVENTS = 1000
ROUNDS = 15
PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "translation.md"
BEGIN, END = "<!-- translation: begin -->", "<!-- translation: end -->"


def openai_events() -> list[bytes]:
    """Return a stream of one word an event."""
    return [openai.chunk({"index": 0, "delta": {"content": f"word{number} "}, "finish_reason": None}) for number in range(EVENTS)]


def anthropic_events() -> list[bytes]:
    """Return the same in Anthropic's dialect."""
    return [
        anthropic.event("content_block_delta", index=0, delta={"type": "text_delta", "text": f"word{number} "})
        for number in range(EVENTS)
    ]


def google_events() -> list[bytes]:
    """Return the same in Google's dialect."""
    return [
        google.event({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": f"word{number} "}]}}]})
        for number in range(EVENTS)
    ]


def main() -> None:
    """Measure every pair that is translated."""
    clients: dict[str, Any] = {"openai": OpenAIDialect(), "anthropic": AnthropicDialect()}
    servers: dict[str, tuple[Any, Callable[[], list[bytes]]]] = {
        "openai": (OpenAIServerDialect(), openai_events),
        "anthropic": (AnthropicServerDialect(), anthropic_events),
        "google": (GoogleDialect(), google_events),
    }
    rows = []
    for server, (dialect, events) in servers.items():
        stream = events()
        for client, front in clients.items():
            if client != server:
                rows.append((client, server, *_measure(front, dialect, stream)))
    if "--json" in sys.argv:
        print(json.dumps([dict(zip(("client", "server", "read_us", "write_us", "bytes"), row, strict=True)) for row in rows]))
        return
    lines = ["| client | server | read, µs an event | written, µs | both |", "|---|---|---:|---:|---:|"]
    lines += [f"| {client} | {server} | {read:.1f} | {write:.1f} | {read + write:.1f} |" for client, server, read, write, _ in rows]
    print("\n".join(lines))
    if "--save" in sys.argv:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


def _measure(front: Any, dialect: Any, stream: Sequence[bytes]) -> tuple[float, float, int]:
    """Return µs for reading and for writing an event, medians, and how many bytes were written."""
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
    route = front.routes[0]
    call = evolve(make_call(stream=True, body=body), dialect=front, route=route, request=front.decode(route, body).request)
    reads, writes, size = [], [], 0
    for _ in range(ROUNDS):
        reader, renderer = dialect.answer(call.request, stream=True), front.renderer(call, "m")
        began = time.perf_counter()
        for event in stream:
            reader.read(event)
        reads.append(time.perf_counter() - began)
        results, size = reader.results, 0
        began = time.perf_counter()
        for result in results:
            size += len(renderer.feed(result))
        writes.append(time.perf_counter() - began)
        assert len(results) == EVENTS, f"{len(results)} results of {EVENTS} events"
    return statistics.median(reads) / EVENTS * 1e6, statistics.median(writes) / EVENTS * 1e6, size


if __name__ == "__main__":
    main()
