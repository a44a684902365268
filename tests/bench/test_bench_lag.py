"""The loop's lag from ``/metrics`` and from outside, and the database that it is measured on."""

from __future__ import annotations

import json
import math
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from bench.answers import Answer
from bench.beside import Request, busy
from bench.errors import BenchError, MeasurementFailed
from bench.fill import CALLS, KEYS, fill, id_of, secret_of
from bench.lag import Seen, added_ms, document, filled, loads, table, verdict
from bench.loop_lag import LoopLag, parse_dropped, parse_lag, shown_ms
from bench.paths import ROOT
from bench.peers import load_peers
from bench.probe import probe
from bench.server import Server

METRICS = """\
# HELP llmlb_loop_lag_seconds How much later than asked the event loop called back.
# TYPE llmlb_loop_lag_seconds histogram
llmlb_loop_lag_seconds_bucket{le="0.001"} 90
llmlb_loop_lag_seconds_bucket{le="0.005"} 98
llmlb_loop_lag_seconds_bucket{le="0.25"} 99
llmlb_loop_lag_seconds_bucket{le="+Inf"} 100
llmlb_loop_lag_seconds_sum 1.5
llmlb_loop_lag_seconds_count 100
llmlb_records_dropped_total{observer="history"} 2
llmlb_records_dropped_total{observer="other"} 1
"""


def server_at(port: int, body: bytes = b"abcd") -> Server:
    """Return a server of which only the port and the answer matter."""
    return Server(load_peers()["llmlb"], 0, port, (), {"Authorization": "Bearer nobody-checks"}, Answer(200, body))


@contextmanager
def scripted(answer: bytes, stall_s: float = 0.0):
    """Answer every request with *answer*, the tenth one of each connection later by *stall_s*; yield the port."""

    def talk(connection: socket.socket) -> None:
        number = 0
        with connection:
            while request := connection.recv(65536):
                if request.startswith((b"POST", b"GET")):
                    number += 1
                    if number == 10:
                        time.sleep(stall_s)
                    connection.sendall(answer)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        # Wakes accept(): closing alone does not.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_lag_is_read_from_the_page():
    """Buckets are sums there and single counts here; bounds are in milliseconds."""
    lag = parse_lag(METRICS)

    assert LoopLag((1.0, 5.0, 250.0, math.inf), (90, 8, 1, 1)) == lag
    assert (100, 1.0, 250.0, math.inf) == (lag.looks, lag.quantile_ms(0.5), lag.quantile_ms(0.99), lag.quantile_ms(1.0))
    assert 3 == parse_dropped(METRICS)


def test_a_page_without_lag_is_told():
    """Such as an error in JSON."""
    with pytest.raises(MeasurementFailed, match="unauthorized"):
        parse_lag('{"error": "unauthorized"}')


def test_only_what_came_since_counts():
    """A server that started anew in between is no later state of the first."""
    earlier, later = LoopLag((1.0, math.inf), (10, 1)), LoopLag((1.0, math.inf), (30, 1))

    assert (20, 0) == later.since(earlier).counts
    with pytest.raises(MeasurementFailed, match="start again"):
        earlier.since(later)


@pytest.mark.parametrize(("value", "text"), [(2.0, "≤ 2"), (math.inf, "> the last bound"), (math.nan, "–")])
def test_a_quantile_of_buckets_is_shown_as_a_bound(value, text):
    """For it is no value that was seen."""
    assert text == shown_ms(value)


def test_added_latency_is_judged_against_nothing_beside():
    """Goal below 5 ms, never above 10; the table's first row has no verdict."""
    lag = LoopLag((1.0, math.inf), (100, 0))
    found = [
        Seen("nothing", 0.0, lag, [1.0] * 100),
        Seen("lists", 200.0, lag, [1.0] * 98 + [9.0] * 2),
        Seen("keys", 5.0, lag, [0.5]),
    ]

    lines = table(found).splitlines()

    assert [0.0, 8.0, 0.0] == [added_ms(seen, found[0]) for seen in found]
    assert "| lists | 200 | ≤ 1 | ≤ 1 | 1.00 | 9.00 | 8.00 | missed |" == lines[3]
    assert lines[2].endswith("| – | – |")
    assert ["met", "missed", "worse than allowed"] == [verdict(value) for value in (4.9, 10.0, 10.1)]
    assert "missed" == json.loads(json.dumps(document(found), allow_nan=False))[1]["verdict"]


def test_every_load_asks_what_it_says():
    """Lists, history, different keys, changes; a wrong key is expected to be refused."""
    known = loads(server_at(1))

    keys = known["2,000 keys in turn, and a wrong one"]
    assert [] == known["nothing"]
    assert {"/v0/api-keys"} == {request.path for request in known["a list of 10,000 keys"]}
    assert 2000 == len({request.headers["Authorization"] for request in keys if request.status == 200})
    assert 401 == keys[-1].status
    assert all(request.method == "GET" for request in known["all of the reading"])


def test_a_stall_delays_every_call_that_was_due():
    """Of 100 calls, 5 ms apart, a stall of 100 ms delays some twenty, each by what was left of it."""
    with scripted(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd", stall_s=0.1) as port:
        latencies_ms = probe(server_at(port), 0.5)

    assert 100 == len(latencies_ms)
    assert max(latencies_ms) >= 100
    assert sum(latency > 30 for latency in latencies_ms) >= 12


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcx",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde",
    ],
)
def test_a_tiny_call_that_is_answered_wrongly_ends_the_measurement(answer):
    """A refusal is fast, and no measure of lag."""
    with scripted(answer) as port, pytest.raises(MeasurementFailed, match="was answered"):
        probe(server_at(port), 0.1)


def test_requests_beside_are_counted_and_looked_at():
    """From a process of their own, in turn, until the time is over."""
    requests = [Request("GET", "/a"), Request("POST", "/b", body="{}")]

    with (
        scripted(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd") as port,
        busy(port, 0.3, requests, clients=1) as answered,
    ):
        pass

    assert answered.requests > 5
    assert 4 * answered.requests == answered.bytes


def test_a_request_beside_that_is_refused_makes_the_figure_invalid():
    """Nobody wants to know how fast errors are."""
    with (
        scripted(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n") as port,
        pytest.raises(MeasurementFailed, match="GET /a is answered 403"),
        busy(port, 0.2, [Request("GET", "/a")], clients=1),
    ):
        pass


def test_a_database_is_filled_with_keys_and_calls(tmp_path):
    """As the server's own migrations make it; what is printed is a key of an administrator."""
    command = [
        part.replace("@PYTHON@", sys.executable).replace("@WORK@", str(tmp_path)) for part in filled(load_peers()["llmlb"]).key
    ]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert re.fullmatch(r"sk_[A-Za-z0-9]{32}\n", done.stdout), done.stderr
    with sqlite3.connect(tmp_path / "llmlb.db") as database:
        (keys,) = database.execute("SELECT count(*) FROM auth_apikey_keys").fetchone()
        (calls,) = database.execute("SELECT count(*) FROM storage_history_requests").fetchone()
        (one,) = database.execute("SELECT scopes FROM auth_apikey_keys WHERE id = ?", [id_of(7)]).fetchone()
    database.close()
    assert (KEYS + 1, CALLS, '["api"]') == (keys, calls, one)
    assert re.fullmatch(r"sk_[A-Za-z0-9]{32}", secret_of(7))


def test_a_database_with_other_tables_is_told(tmp_path):
    """So that a change of the tables does not end in a riddle."""
    with pytest.raises(BenchError, match="auth_apikey_keys"):
        fill(tmp_path / "empty.db")
