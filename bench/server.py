"""A server under test, and the fake engines behind it, as running processes."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve, frozen

from bench import proctree
from bench.answers import Answer, ask
from bench.build import program
from bench.cores import pinned
from bench.errors import MeasurementFailed
from bench.paths import ROOT, SCRATCH
from bench.peers import Peer, fill

STOP_S = 15.0
_KEY = re.compile(r"\bsk[_-][A-Za-z0-9]{16,}")


def free_ports(count: int) -> list[int]:
    """Return *count* different ports that are free now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running_engine(core: int, events: int, interval_ms: float) -> Iterator[int]:
    """Run a fake engine on *core*; yield its port."""
    command = [program("fake_engine"), "--events", str(events), "--interval-ms", str(interval_ms)]
    with pinned(core):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline().split()
            if said[:1] != ["ready"]:
                raise MeasurementFailed(f"the fake engine did not start: {said}")
            yield int(said[1])
        finally:
            process.kill()


@frozen
class Server:
    """A server that answers.

    Attributes:
        engines: The ports of its fake engines.
        headers: What every call to it carries, its key among them.
        answer: Its first answer to *body*; later ones must be as long.
    """

    peer: Peer
    pid: int
    port: int
    engines: tuple[int, ...]
    headers: dict[str, str]
    answer: Answer = Answer(0, b"")


@contextlib.contextmanager
def running_server(peer: Peer, core: int, engines: tuple[int, ...], body: bytes) -> Iterator[Server]:
    """Start *peer* on *core* with a scratch folder of its own, wait until it answers *body*, and end it with its tree.

    Raises:
        MeasurementFailed: It did not answer as it should within ``ready_s``; the message has the end of its log.
    """
    (SCRATCH / "run").mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{peer.name}-", dir=SCRATCH / "run"))
    port, metrics_port = free_ports(2)
    places = {
        **peer.places,
        "WORK": str(work),
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "KEY": f"sk-{secrets.token_hex(16)}",
    }
    places |= {f"ENGINE_{number}": str(engine) for number, engine in enumerate(engines, 1)}
    try:
        if peer.key:
            places["KEY"] = _make_key([fill(part, places) for part in peer.key])
        for name, text in peer.files.items():
            (work / name).write_text(fill(text, places))
        headers = {"Authorization": f"Bearer {places['KEY']}"}
        headers |= {name: fill(value, places) for name, value in peer.headers.items()}
        log = work / "server.log"
        with log.open("wb") as sink, pinned(core):
            process = subprocess.Popen(
                [fill(part, places) for part in peer.start],
                env={**os.environ, **peer.env},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            server = Server(peer, process.pid, port, engines, headers)
            yield evolve(server, answer=_await_answer(server, process, body, log))
        finally:
            _stop(process)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _make_key(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    found = _KEY.search(done.stdout)
    if found is None:
        raise MeasurementFailed(f"no API key was made (exit code {done.returncode}): {done.stderr.strip()[-500:]}")
    return found.group()


def _await_answer(server: Server, process: subprocess.Popen[bytes], body: bytes, log: Path) -> Answer:
    peer = server.peer
    seen: object = "no answer"
    deadline = time.monotonic() + peer.ready_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = ask(server.port, "POST", "/v1/chat/completions", server.headers, body)
        except OSError as error:
            seen = error
        else:
            if answer.is_right(peer.answer_bytes):
                return answer
            seen = f"{answer.status} with {len(answer.body)} bytes: {answer.body[:200]!r}"
        time.sleep(0.1)
    ended = process.poll()
    state = f"did not answer within {peer.ready_s:g} s" if ended is None else f"ended with exit code {ended} before it answered"
    tail = log.read_text(errors="replace").strip().splitlines()[-15:]
    told = f"{peer.name} {state}; last: {seen}; its log ends: {tail[-1] if tail else 'empty'}"
    raise MeasurementFailed("\n".join([told, *tail]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the tree: asked, then forced. Members are noted first, for orphans are nobody's children."""
    tree = proctree.processes(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    proctree.kill({*tree, *proctree.processes(process.pid)})
    process.wait()
