"""Where a relayed call's time goes: user and system time of the loop's thread, and byte codes by room.

``python -m bench.bytecodes [--save]``. Byte codes are counted, not timed: the same code gives the same number on every machine, so
a change shows in single ones. About 10 ns each is what they take, with the C functions that they call.
"""

from __future__ import annotations

import asyncio
import collections
import os
import resource
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvloop
from attrs import define, field
from llmlb_testing.doors import open_doors
from llmlb_testing.server import run_llmlb

from bench.markers import write_between
from bench.paths import ROOT
from bench.server import running_engine
from llmlb_core.settings.load import load_settings

PAGE = ROOT / "docs" / "explanation" / "wire.md"
TOML = """
[log]
access = true
[[endpoints]]
name = "f0"
url = "http://127.0.0.1:{port}"
models = ["fake-model"]
max_in_flight = 4000
"""
BODY = b'{"model":"fake-model","messages":[{"role":"user","content":"' + b"a" * 850 + b'"}]}'
WARM, TIMED, COUNTED = 500, 5000, 300
_DEADLINE_S = 120.0


@define
class Counts:
    """Byte codes by code object, while it is asked for."""

    codes: collections.Counter[CodeType] = field(factory=collections.Counter)

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Count one; see ``sys.settrace``."""
        del argument
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            self.codes[frame.f_code] += 1
        return self.trace


def room_of(code: CodeType) -> str:
    """Return where a function belongs."""
    path = Path(code.co_filename)
    if path.is_relative_to(ROOT / "plugins"):
        return "plugin " + path.relative_to(ROOT / "plugins").parts[0]
    if not path.is_relative_to(ROOT / "llmlb_core"):
        return "standard library"
    parts = path.relative_to(ROOT / "llmlb_core").parts
    return "/".join(parts[:2]).removesuffix(".py") if parts[0] == "stages" else parts[0].removesuffix(".py")


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[tuple[str, int, str, asyncio.AbstractEventLoop]]:
    """Run a whole server on a thread of its own; yield its address, a key and its loop."""
    (folder / "llmlb.toml").write_text(TOML.format(port=port))
    key = run_llmlb(folder, "keys", "ensure").stdout.strip().splitlines()[-1]
    loop, found, stop = uvloop.new_event_loop(), threading.Event(), asyncio.Event()
    told: dict[str, Any] = {}

    async def serve() -> None:
        settings = load_settings(environ={"LLMLB_DATA_DIR": str(folder)})
        async with open_doors(settings) as doors:
            told["address"] = doors.address
            found.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    if not found.wait(_DEADLINE_S):
        raise SystemExit("the server did not start")
    try:
        yield (*told["address"], key, loop)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_DEADLINE_S)


def _call(connection: socket.socket, request: bytes, count: int) -> None:
    for _ in range(count):
        connection.sendall(request)
        data = b""
        while True:
            data += connection.recv(65536)
            head, found, body = data.partition(b"\r\n\r\n")
            if found and len(body) >= int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]):
                break
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"bench: {head.splitlines()[0].decode()}")


def _on_loop(loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    async def run() -> Any:
        return work()

    return asyncio.run_coroutine_threadsafe(run(), loop).result(_DEADLINE_S)


def main() -> None:
    """Measure, and print or save a table."""
    counts = Counts()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # the access log is written, and nobody reads it
    with (
        tempfile.TemporaryDirectory() as folder,
        running_engine(1, 1, 0) as engine,
        _serving(Path(folder), engine) as (host, port, key, loop),
        socket.create_connection((host, port)) as connection,
    ):
        lines = ("POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {key}", f"content-length: {len(BODY)}")
        request = "\r\n".join((*lines, "", "")).encode() + BODY
        _call(connection, request, WARM)
        before = _on_loop(loop, lambda: resource.getrusage(resource.RUSAGE_THREAD))
        _call(connection, request, TIMED)
        after = _on_loop(loop, lambda: resource.getrusage(resource.RUSAGE_THREAD))
        _on_loop(loop, lambda: sys.settrace(counts.trace))
        _call(connection, request, COUNTED)
        _on_loop(loop, lambda: sys.settrace(None))
    user = (after.ru_utime - before.ru_utime) / TIMED * 1e6
    system = (after.ru_stime - before.ru_stime) / TIMED * 1e6
    text = _table(counts, user, system)
    print(text)
    if "--save" in sys.argv:
        write_between(PAGE, "bytecodes", text)


def _table(counts: Counts, user: float, system: float) -> str:
    rooms: collections.Counter[str] = collections.Counter()
    for code, count in counts.codes.items():
        rooms[room_of(code)] += count
    total = sum(rooms.values())
    times = f"{user:.0f} µs of user time and {system:.0f} µs of the system's on the loop's thread"
    lines = [f"One call at a time: {times}, {total / COUNTED:,.0f} byte codes.", ""]
    lines += ["| room | byte codes a call | share |", "|---|---:|---:|"]
    lines += [
        f"| {room} | {count / COUNTED:,.0f} | {count / total:.0%} |"
        for room, count in rooms.most_common()
        if count / total >= 0.005
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
