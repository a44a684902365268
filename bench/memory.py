"""What connections cost in memory: ``python -m bench.memory``.

Idle streams that are relayed, then idle keep-alive connections, then calls over and over on the same ones. The clients live in a
process of their own; the growth is the resident memory of the server, without its children, per connection.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bodies import SMALL_BYTES, call_body, stream_body
from bench.errors import BenchError
from bench.paths import PEERS_TOML, ROOT
from bench.peers import load_peers
from bench.server import Server, running_engine, running_server

EVENT_S = 10
SETTLE_S = 2.0
CALLERS = 32


def main() -> int:
    """Measure and print; 0 done, 2 could not measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description="What connections cost the server in memory.")
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--client", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _raise_file_limit(max(arguments.streams * 2, arguments.connections) + 500)
    if arguments.client:
        kind, port, count, headers = arguments.client
        asyncio.run(_client(kind, int(port), int(count), json.loads(headers)))
        return 0
    try:
        result = measure(arguments.streams, arguments.connections, arguments.calls)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:34} {value:>12,.1f}")
    return 0


def measure(streams: int, connections: int, calls: int) -> dict[str, float]:
    """Return the growth in KiB, per connection and in all; each kind at a server of its own, for freed memory is used again."""
    with _server() as server:
        idle = _rss_kib(server.pid)
        result: dict[str, float] = {"KiB of an idle server": idle}
        with _clients("idle", server, connections):
            result["KiB per idle connection"] = (_rss_kib(server.pid) - idle) / max(1, connections)
    with _server() as server:
        idle = _rss_kib(server.pid)
        with _clients("stream", server, streams):
            once = _rss_kib(server.pid)
            result["KiB per idle stream"] = (once - idle) / max(1, streams)
        time.sleep(SETTLE_S)
        with _clients("stream", server, streams):
            result[f"KiB grown by {streams} streams more"] = _rss_kib(server.pid) - once
    with _server() as server:
        idle = _rss_kib(server.pid)
        with _clients("call", server, calls):
            result[f"KiB grown over {calls} calls"] = _rss_kib(server.pid) - idle
    return result


@contextlib.contextmanager
def _server() -> Iterator[Server]:
    """Run a server in front of two engines; what it makes once is made."""
    peer = load_peers(PEERS_TOML)["llmlb"]
    with (
        running_engine(0, 6, EVENT_S * 1000) as first,
        running_engine(0, 6, EVENT_S * 1000) as second,
        running_server(peer, 0, (first, second), call_body(SMALL_BYTES)) as server,
    ):
        with _clients("call", server, CALLERS * 300):
            pass
        time.sleep(SETTLE_S)
        yield server


def _rss_kib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise BenchError(f"process {pid} has no resident memory: did it end?")


@contextlib.contextmanager
def _clients(kind: str, server: Server, count: int) -> Iterator[None]:
    """Run the clients until they are all where they should be; they stay there inside of the context."""
    command = [sys.executable, "-m", "bench.memory", "--streams", str(count), "--client", kind, str(server.port), str(count)]
    with subprocess.Popen(
        [*command, json.dumps(server.headers)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as clients:
        assert clients.stdout is not None
        try:
            said = clients.stdout.readline().strip()
            if said != "ready":
                raise BenchError(f"the {kind} clients failed: {said or 'they ended'}")
            time.sleep(SETTLE_S)
            yield
        finally:
            clients.terminate()


async def _client(kind: str, port: int, count: int, headers: dict[str, str]) -> None:
    """Bring *count* connections into a state, say so, and keep them until told to end."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = stream_body() if kind == "stream" else call_body(SMALL_BYTES)
    request = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
    kept: list[asyncio.StreamWriter] = []
    gate = asyncio.Semaphore(200)

    async def visit(times: int) -> None:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            kept.append(writer)
            for _ in range(times):
                writer.write(request)
                if kind != "stream":
                    await _answer(reader)
        if kind == "stream":
            await reader.readuntil(b"data: ")

    if kind == "call":
        await asyncio.gather(*(visit(count // CALLERS) for _ in range(CALLERS)))
    else:
        await asyncio.gather(*(visit(1) for _ in range(count)))
    print("ready", flush=True)
    await asyncio.sleep(3600)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200 "):
        raise BenchError(f"an answer was no success: {head[:200]!r}")
    await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))


def _raise_file_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


if __name__ == "__main__":
    sys.exit(main())
