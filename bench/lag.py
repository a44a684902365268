"""``python -m bench lag``: is the event loop on time while administrators read long lists, and keys are checked?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve, frozen

from bench.answers import ask
from bench.beside import Request, busy
from bench.bodies import SMALL_BYTES, call_body
from bench.cores import choose_cores, pinned
from bench.errors import BenchError
from bench.fill import CALLS, KEYS, id_of, secret_of
from bench.loop_lag import LoopLag, finite, parse_lag, read_metrics, shown_ms
from bench.machine import describe_machine
from bench.markers import write_between
from bench.paths import ROOT
from bench.peers import Peer, load_peers
from bench.probe import probe
from bench.server import Server, running_engine, running_server
from bench.trend import percentile

GOAL_MS, NEVER_MS = 5.0, 10.0
BUSY_MS = 3.0
NOTHING = "nothing"
HEAD = (
    *("beside tiny calls", "requests/s", "loop lag p50 ms", "loop lag p99 ms", "tiny call p50 ms", "tiny call p99 ms"),
    *("added to p99 ms", f"goal < {GOAL_MS:g}, never > {NEVER_MS:g}"),
)
CHECKED_KEYS = 2000
"""Different keys that are used in turn; more than the server remembers between two uses of one."""
PAGE = ROOT / "docs" / "explanation" / "performance.md"


@frozen
class Seen:
    """The loop beside one kind of request.

    Attributes:
        lag: What the server's own histogram counted meanwhile.
        calls_ms: How long each tiny call took.
    """

    beside: str
    requests_per_s: float
    lag: LoopLag
    calls_ms: Sequence[float]

    def call_ms(self, share: float) -> float:
        """Return a quantile of the tiny calls."""
        return percentile(self.calls_ms, share)


def loads(server: Server) -> dict[str, list[Request]]:
    """Return what is asked beside the tiny calls, by a name for people."""
    admin, body = server.headers, call_body(SMALL_BYTES).decode()

    def get(*paths: str) -> list[Request]:
        return [Request("GET", path, admin) for path in paths]

    def keyed(number: int) -> Request:
        return Request("POST", "/v1/chat/completions", {"Authorization": f"Bearer {secret_of(number)}"}, body)

    unknown = Request("POST", "/v1/chat/completions", {"Authorization": f"Bearer sk_{'x' * 32}"}, body, 401)
    history = get(
        *(f"/v0/requests?per_page=100&page={page}" for page in (1, 50, 100)),
        *(f"/v0/requests?per_page=100&{wanted}" for wanted in ("model=model-7", "principal=key:7", "status=200", "status=502")),
    )
    names = ({"name": f"renamed {number}"} for number in range(50))
    renames = [Request("PUT", f"/v0/api-keys/{id_of(number)}", admin, json.dumps(name)) for number, name in enumerate(names)]
    found = {
        NOTHING: [],
        f"a list of {KEYS:,} keys": get("/v0/api-keys"),
        f"pages of {CALLS:,} calls": history,
        f"{CHECKED_KEYS:,} keys in turn, and a wrong one": [*(keyed(number) for number in range(CHECKED_KEYS)), unknown],
        f"a change of a key, of {KEYS:,}": renames,
        "metrics": get("/metrics"),
        "plugins, status, models": get("/v0/plugins", "/v0/status", "/v0/queue/stats", "/v1/models"),
    }
    everything = [request for requests in found.values() for request in requests[:25] if request.method == "GET"]
    return {**found, "all of the reading": everything}


def filled(peer: Peer) -> Peer:
    """Return *peer* on a full database, with an administrator's key."""
    key: Any = ["@PYTHON@", "-m", "bench.fill", "@WORK@"]  # Any: mypy does not know the member's converter
    return evolve(peer, key=key)


def measure(seconds: float, only: Sequence[str] = ()) -> list[Seen]:
    """Measure each load for *seconds*, nothing first; progress goes to stderr.

    Raises:
        BenchError: The server or a tool failed, or a load is unknown.
    """
    server_core, load_core = choose_cores()
    seen = []
    with (
        pinned(load_core),
        running_engine(load_core, 1, 1) as first,
        running_engine(load_core, 1, 1) as second,
        running_server(filled(load_peers()["llmlb"]), server_core, (first, second), call_body(SMALL_BYTES)) as server,
    ):
        known = loads(server)
        if unknown := [part for part in only if not any(part in name for name in known)]:
            raise BenchError(f"nothing beside has {', '.join(unknown)} in its name; known: {'; '.join(known)}")
        probe(server, 1.0)
        for name, requests in known.items():
            if name != NOTHING and only and not any(part in name for part in only):
                continue
            if requests and (reason := _missing(server, requests[0])):
                print(f"left out: {name}: {reason}", file=sys.stderr)
                continue
            seen.append(_measure(server, name, requests, seconds))
            print(f"{name}: tiny calls p99 {seen[-1].call_ms(0.99):.2f} ms", file=sys.stderr, flush=True)
    return seen


def _missing(server: Server, request: Request) -> str | None:
    answer = ask(server.port, "GET", request.path, server.headers) if request.method == "GET" else None
    return f"{request.path} is not served here" if answer is not None and answer.status == 404 else None


def _measure(server: Server, name: str, requests: Sequence[Request], seconds: float) -> Seen:
    with busy(server.port, seconds + 1.5, requests) as answered:
        # Interpreters start meanwhile, which is not to be measured.
        probe(server, 1.0)
        before = parse_lag(read_metrics(server))
        calls_ms = probe(server, seconds)
        lag = parse_lag(read_metrics(server)).since(before)
    return Seen(name, answered.requests / (seconds + 1.5), lag, calls_ms)


def verdict(added_ms: float) -> str:
    """Return what a p99 is worth."""
    return "met" if added_ms < GOAL_MS else "missed" if added_ms <= NEVER_MS else "worse than allowed"


def added_ms(seen: Seen, nothing: Seen) -> float:
    """Return by how much the p99 of tiny calls grew."""
    return max(0.0, seen.call_ms(0.99) - nothing.call_ms(0.99))


def table(found: Sequence[Seen]) -> str:
    """Return the table in Markdown; the first row is the one without anything beside."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---" + "|---:" * (len(HEAD) - 1) + "|"]
    for seen in found:
        added = added_ms(seen, found[0])
        told = [f"{seen.requests_per_s:,.0f}" if seen.requests_per_s else "–"]
        told += [shown_ms(seen.lag.quantile_ms(share)) for share in (0.5, 0.99)]
        told += [f"{seen.call_ms(share):.2f}" for share in (0.5, 0.99)]
        told += ["–", "–"] if seen is found[0] else [f"{added:.2f}", verdict(added)]
        lines.append("| " + " | ".join([seen.beside, *told]) + " |")
    return "\n".join(lines)


def document(found: Sequence[Seen]) -> list[dict[str, Any]]:
    """Return the same as JSON can hold it."""
    return [
        {
            "beside": seen.beside,
            "requests_per_s": round(seen.requests_per_s, 1),
            "loop_lag_ms": {
                "p50": finite(seen.lag.quantile_ms(0.5)),
                "p99": finite(seen.lag.quantile_ms(0.99)),
                "looks": seen.lag.looks,
            },
            "tiny_call_ms": {"p50": round(seen.call_ms(0.5), 3), "p99": round(seen.call_ms(0.99), 3)},
            "added_p99_ms": round(added_ms(seen, found[0]), 3),
            "verdict": verdict(added_ms(seen, found[0])),
        }
        for seen in found
    ]


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(command=command)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each kind of request")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="kinds with these words, separated by commas")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--save", action="store_true", help="write the table into docs/explanation/performance.md")


def command(arguments: argparse.Namespace) -> int:
    """Measure and print; 1 when something delays tiny calls by more than is allowed."""
    if arguments.seconds < 1:
        raise BenchError("--seconds is at least 1")
    found = measure(arguments.seconds, arguments.only)
    date, machine = datetime.now(UTC).isoformat(timespec="seconds"), describe_machine()
    if arguments.json:
        print(json.dumps({"date": date, "machine": machine, "loads": document(found)}, indent=2))
    else:
        print(table(found))
    if arguments.save:
        told = f"Measured {date[:10]}: {machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['kernel']}, "
        told += f"Python {machine['python']}; {arguments.seconds:g} s each."
        write_between(PAGE, "lag", f"{told}\n\n{table(found)}")
    if found[0].call_ms(0.99) > BUSY_MS:
        print(
            f"lag: tiny calls take {found[0].call_ms(0.99):.1f} ms (p99) with nothing beside them: "
            "something else runs on this machine, and the figures are rough",
            file=sys.stderr,
        )
    late = [seen.beside for seen in found[1:] if added_ms(seen, found[0]) > NEVER_MS]
    for name in late:
        print(f"lag: {name} delays tiny calls by more than {NEVER_MS:g} ms (p99)", file=sys.stderr)
    return 1 if late else 0
