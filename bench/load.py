"""The load: wrk for calls, our own client for streams. Each answers with numbers that are right, or raises."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from attrs import frozen

from bench import proctree
from bench.build import program, wrk
from bench.cores import pinned
from bench.errors import BenchError, MeasurementFailed
from bench.paths import BENCH

MARK = "RESULT "
CALL_TIMEOUT_S = 30
SAMPLE_S = 0.05


@frozen
class Calls:
    """What wrk saw. ``bytes_per_call`` counts heads and bodies."""

    calls: int
    wall_s: float
    p50_us: float
    p99_us: float
    bytes_per_call: float


@frozen
class Streams:
    """What the stream client saw; every stream was right. ``events`` counts all, role, finish, usage and [DONE] too."""

    streams: int
    events: int
    wall_s: float
    first_token_p50_ms: float
    first_token_p99_ms: float
    latency_p50_ms: float
    latency_p99_ms: float


def parse_wrk(output: str, *, looked_at: bool) -> Calls:
    """Read what ``post.lua`` printed.

    Raises:
        MeasurementFailed: A call failed or, where answers were looked at, one of them was not a 200 of the right length.
        BenchError: There is no result in it.
    """
    line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise BenchError(f"wrk printed no result:\n{output[-1000:]}")
    result: dict[str, Any] = json.loads(line.removeprefix(MARK))
    if failed := {kind: count for kind, count in result["errors"].items() if count}:
        raise MeasurementFailed(f"of {result['calls']} calls these failed: {failed}")
    if not result["calls"]:
        raise MeasurementFailed("no call was answered")
    if looked_at and result["wrong"]:
        raise MeasurementFailed(
            f"{result['wrong']} of {result['looked_at']} answers were wrong, the first was {result['first_wrong']}"
        )
    if looked_at and not result["looked_at"]:
        raise BenchError("wrk looked at no answer: post.lua did not get to see them")
    return Calls(result["calls"], result["wall_us"] / 1e6, result["p50_us"], result["p99_us"], result["bytes"] / result["calls"])


def parse_streams(output: str) -> Streams:
    """Read what the stream client printed.

    Raises:
        MeasurementFailed: A stream was not right.
        BenchError: There is no result in it.
    """
    try:
        result: dict[str, Any] = json.loads(output)
    except ValueError as error:
        raise BenchError(f"the stream client printed no result: {output[-500:]!r}") from error
    if result["errors"] or result["ok"] != result["streams"]:
        kinds = {kind: count for kind, count in result["error_kinds"].items() if count}
        raise MeasurementFailed(
            f"{result['errors']} of {result['streams']} streams failed: {kinds}; the first: {result['first_error']}"
        )
    first, latency = result["first_token_ms"], result["event_latency_ms"]
    return Streams(
        result["streams"], result["events"], result["wall_s"], first["p50"], first["p99"], latency["p50"], latency["p99"]
    )


def post_calls(
    core: int, port: int, headers: Mapping[str, str], body: bytes, *, connections: int, seconds: int, expect_bytes: int = 0
) -> Calls:
    """Post *body* over and over; with *expect_bytes* every answer is looked at, which costs the load's core dearly."""
    with _file(body) as name, pinned(core):
        done = subprocess.run(
            [
                *(
                    wrk(),
                    "-t1",
                    f"-c{connections}",
                    f"-d{seconds}s",
                    "--timeout",
                    f"{CALL_TIMEOUT_S}s",
                    "-s",
                    BENCH / "lua" / "post.lua",
                ),
                *(f"http://127.0.0.1:{port}/v1/chat/completions", "--", name, str(expect_bytes)),
                *(f"{header}: {value}" for header, value in headers.items()),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 2 * CALL_TIMEOUT_S,
        )
    return parse_wrk(done.stdout + done.stderr, looked_at=expect_bytes > 0)


def read_streams(
    core: int, port: int, headers: Mapping[str, str], body: bytes, *, streams: int, events: int, ramp_ms: int, timeout_s: int = 120
) -> Streams:
    """Open *streams* streams within *ramp_ms* and read each to its end."""
    # The client knows one header; more of them travel in the same string, as lines.
    others = "".join(f"\r\n{name}: {value}" for name, value in headers.items() if name != "Authorization")
    with _file(body) as name, pinned(core):
        done = subprocess.run(
            [
                *(
                    program("stream_client"),
                    "--port",
                    str(port),
                    "--streams",
                    str(streams),
                    "--events",
                    str(events),
                    "--body",
                    name,
                ),
                *("--authorization", headers["Authorization"] + others, "--ramp-ms", str(ramp_ms), "--timeout-s", str(timeout_s)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s + 30,
        )
    return parse_streams(done.stdout or done.stderr)


@contextmanager
def _file(body: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="llmlb-bench-") as file:
        file.write(body)
        file.flush()
        yield file.name


class PeakMemory:
    """Looks at a tree's memory every 50 ms, from a thread on the load's core, while a load runs."""

    def __init__(self, root: int) -> None:
        """Note what it holds now."""
        sample = proctree.look(root)
        self._pids, self.before_bytes = sample.pids, sample.rss_bytes
        self.peak_bytes = sample.rss_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, proctree.rss_bytes(self._pids))

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    @property
    def growth_bytes(self) -> int:
        """Return how much more there was than at the beginning."""
        return self.peak_bytes - self.before_bytes
