"""Requests that keep a server busy beside what is measured, from a process of its own: ``python -m bench.beside``.

Reads one JSON document from its standard input (see ``Beside``), repeats the requests in turn on one connection until the time is
over, and prints what came back.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from attrs import Factory, asdict, define, frozen

from bench.errors import MeasurementFailed
from bench.paths import ROOT

TIMEOUT_S = 30.0
EVERY_S = 0.01
"""Of one client: what is wanted is a loop that is interrupted, not a core that has no time left."""
NICENESS = 10
"""The load's core also holds the clock of the measurement, which must not wait for this."""


@frozen
class Request:
    """One request, and the status that its answer must have."""

    method: str
    path: str
    headers: Mapping[str, str] = Factory(dict)
    body: str | None = None
    status: int = 200


@frozen
class Beside:
    """What is asked, and for how long."""

    port: int
    seconds: float
    requests: Sequence[Request]


@define
class Answered:
    """What came back."""

    requests: int = 0
    bytes: int = 0
    failures: list[str] = Factory(list)


@contextmanager
def busy(port: int, seconds: float, requests: Sequence[Request], clients: int = 2) -> Iterator[Answered]:
    """Keep the server busy inside the block; the sums are there after it.

    Raises:
        MeasurementFailed: An answer was not what it should be.
    """
    answered = Answered()
    if not requests:
        yield answered
        return
    document = json.dumps(asdict(Beside(port, seconds, requests)))
    with ExitStack() as stack:
        processes = []
        for _ in range(clients):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "bench.beside"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            stack.callback(process.kill)
            assert process.stdin is not None
            process.stdin.write(document)
            process.stdin.close()
            processes.append(process)
        yield answered
        for process in processes:
            assert process.stdout is not None
            said = process.stdout.read()
            if process.wait(seconds + TIMEOUT_S):
                raise MeasurementFailed(f"the requests beside ended with exit code {process.returncode}")
            one: dict[str, Any] = json.loads(said)
            answered.requests += one["requests"]
            answered.bytes += one["bytes"]
            answered.failures += one["failures"]
    if answered.failures or not answered.requests:
        raise MeasurementFailed(f"{len(answered.failures)} requests beside failed: {answered.failures[:1]}")


def _ask_again(wanted: Beside) -> Answered:
    answered = Answered()
    connection = http.client.HTTPConnection("127.0.0.1", wanted.port, timeout=TIMEOUT_S)
    due_at = time.monotonic()
    until = due_at + wanted.seconds
    while time.monotonic() < until and len(answered.failures) < 10:
        time.sleep(max(0.0, due_at - time.monotonic()))
        due_at = max(due_at + EVERY_S, time.monotonic())
        request = wanted.requests[answered.requests % len(wanted.requests)]
        body = None if request.body is None else request.body.encode()
        answered.requests += 1
        try:
            connection.request(request.method, request.path, body, {"Content-Type": "application/json", **request.headers})
            response = connection.getresponse()
            read = response.read()
        except (OSError, http.client.HTTPException) as error:
            answered.failures.append(f"{request.method} {request.path}: {error!r}")
            connection.close()
            continue
        answered.bytes += len(read)
        if response.status != request.status:
            answered.failures.append(f"{request.method} {request.path} is answered {response.status}: {read[:200]!r}")
    connection.close()
    return answered


def main() -> int:
    """Read what is wanted, do it, print what came back."""
    os.nice(NICENESS)
    document: dict[str, Any] = json.load(sys.stdin)
    wanted = Beside(document["port"], document["seconds"], [Request(**each) for each in document["requests"]])
    print(json.dumps(asdict(_ask_again(wanted))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
