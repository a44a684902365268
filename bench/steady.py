"""A load that does not end: streams that are replaced as they end, and plain calls beside them, each answer looked at."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from attrs import Factory, define, frozen

from bench.bodies import SMALL_BYTES, call_body, stream_body
from bench.build import program
from bench.errors import BenchError, MeasurementFailed
from bench.server import Server

CALL_DEADLINE_S = 30.0
AFTER_ERROR_S = 0.1
PATH = "/v1/chat/completions"


def request_of(server: Server, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Return a whole HTTP request that posts *body*."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or server.headers).items())
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n{lines}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@define
class Tally:
    """What plain calls came to."""

    calls: int = 0
    errors: int = 0
    first_error: str = ""
    latencies_ms: list[float] = Factory(list)

    def fail(self, why: str) -> None:
        """Count an error."""
        self.errors += 1
        self.first_error = self.first_error or why


async def call_again(server: Server, tally: Tally, *, has_more: Callable[[], bool], pause_s: float = 0.0) -> None:
    """Make one call after another on a kept connection while *has_more*; a failed one costs the connection, not the caller."""
    request = request_of(server, call_body(SMALL_BYTES))
    writer: asyncio.StreamWriter | None = None
    try:
        while has_more():
            try:
                async with asyncio.timeout(CALL_DEADLINE_S):
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    began_at = time.perf_counter()
                    writer.write(request)
                    await _look(reader, server.answer.body)
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, MeasurementFailed) as error:
                tally.fail(f"{type(error).__name__}: {error}")
                if writer is not None:
                    writer.close()
                    writer = None
                await asyncio.sleep(AFTER_ERROR_S)
                continue
            tally.calls += 1
            tally.latencies_ms.append((time.perf_counter() - began_at) * 1000)
            if pause_s:
                await asyncio.sleep(pause_s)
    finally:
        if writer is not None:
            writer.close()


async def _look(reader: asyncio.StreamReader, expected: bytes) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise MeasurementFailed(f"a call was answered with {lines[0]!r}")
    length = next((line.partition(b":")[2].strip() for line in lines if line.startswith(b"content-length:")), b"")
    if length != str(len(expected)).encode():
        raise MeasurementFailed(f"an answer has content-length {length!r}, expected {len(expected)}")
    body = await reader.readexactly(len(expected))
    if body != expected:
        raise MeasurementFailed(f"an answer has other bytes than the first one: {body[:120]!r}")


async def call_exactly(server: Server, calls: int, connections: int) -> Tally:
    """Make *calls* plain calls over *connections* kept connections, as fast as they are answered.

    Raises:
        MeasurementFailed: One was not right.
    """
    tally, begun = Tally(), 0

    def has_more() -> bool:
        nonlocal begun
        begun += 1
        return begun <= calls

    await asyncio.gather(*(call_again(server, tally, has_more=has_more) for _ in range(connections)))
    if tally.errors:
        raise MeasurementFailed(f"{tally.errors} of {calls} calls failed; the first: {tally.first_error}")
    return tally


@frozen
class StreamReport:
    """What the stream client says once a second, and at its end; latencies are those since the last report."""

    streams: int
    open: int
    ok: int
    errors: int
    events: int
    first_error: str
    latency_p50_ms: float
    latency_p99_ms: float
    is_last: bool

    @classmethod
    def read(cls, line: str) -> StreamReport:
        """Read one line of the client.

        Raises:
            BenchError: It is none of its reports.
        """
        try:
            said: dict[str, Any] = json.loads(line)
            latency = said["event_latency_ms"]
            return cls(
                *(said["streams"], said.get("open", 0), said["ok"], said["errors"], said["events"], said["first_error"]),
                *(latency["p50"], latency["p99"], not said.get("report", False)),
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise BenchError(f"the stream client printed no report: {line[-500:]!r}") from error


@asynccontextmanager
async def open_streams(server: Server, streams: int, events: int, seconds: float) -> AsyncIterator[AsyncIterator[StreamReport]]:
    """Keep *streams* streams open for *seconds*; yield the reports of the client, the last one after the last stream's end."""
    with tempfile.NamedTemporaryFile(prefix="llmlb-bench-") as body:
        body.write(stream_body())
        body.flush()
        process = await asyncio.create_subprocess_exec(
            *(program("stream_client"), "--port", str(server.port), "--streams", str(streams), "--events", str(events)),
            *("--body", body.name, "--authorization", server.headers["Authorization"]),
            *("--ramp-ms", "1000", "--seconds", str(seconds), "--timeout-s", "60"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield _reports(process)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _reports(process: asyncio.subprocess.Process) -> AsyncIterator[StreamReport]:
    assert process.stdout is not None
    async for line in process.stdout:
        report = StreamReport.read(line.decode(errors="replace"))
        yield report
        if report.is_last:
            return
    raise BenchError(f"the stream client ended with exit code {await process.wait()} before its last report")
