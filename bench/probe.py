"""How long tiny calls take while something else goes on."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

from bench.bodies import SMALL_BYTES, call_body
from bench.errors import MeasurementFailed
from bench.server import Server
from bench.steady import request_of

EVERY_S = 0.02
CONNECTIONS = 4
TIMEOUT_S = 30.0


def probe(server: Server, seconds: float) -> list[float]:
    """Make small relayed calls on four connections, one every 5 ms; return how long each took, in ms, from when it was due.

    A call that is late because the one before it was late counts as late: a server that stands still for 100 ms has delayed
    twenty calls, not one.

    Raises:
        MeasurementFailed: A call was not answered as the first one.
    """
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        began_at = time.perf_counter() + EVERY_S
        begins = [began_at + number * EVERY_S / CONNECTIONS for number in range(CONNECTIONS)]
        found = list(threads.map(lambda begin: _probe(server, begin, seconds), begins))
    return [latency for latencies in found for latency in latencies]


def _probe(server: Server, began_at: float, seconds: float) -> list[float]:
    request, expected = request_of(server, call_body(SMALL_BYTES)), server.answer.body
    latencies_ms = []
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(int(seconds / EVERY_S)):
                due_at = began_at + number * EVERY_S
                time.sleep(max(0.0, due_at - time.perf_counter()))
                connection.sendall(request)
                _receive(connection, expected)
                latencies_ms.append((time.perf_counter() - due_at) * 1000)
                if latencies_ms[-1] > TIMEOUT_S * 1000:
                    raise MeasurementFailed(
                        f"tiny calls are {TIMEOUT_S:g} s late; the server cannot keep up with what is beside them"
                    )
    except OSError as error:
        raise MeasurementFailed(f"a tiny call failed: {error!r}") from error
    return latencies_ms


def _receive(connection: socket.socket, expected: bytes) -> None:
    seen = b""
    while True:
        more = connection.recv(65536)
        seen += more
        head, end, body = seen.partition(b"\r\n\r\n")
        if not more or (end and not head.startswith(b"HTTP/1.1 200 ")) or len(body) > len(expected):
            raise MeasurementFailed(f"a tiny call was answered {seen[:120]!r}")
        if end and len(body) == len(expected):
            if body != expected:
                raise MeasurementFailed(f"a tiny call was answered with other bytes than the first one: {body[:120]!r}")
            return
