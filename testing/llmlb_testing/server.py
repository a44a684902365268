"""A real server in a process of its own, for tests that look at llmlb from outside."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from attrs import define, field

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
_READY = re.compile(r"is listening on (https?://\S+)")


def environment(data_dir: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without any setting of llmlb but *data_dir* and *extra*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMLB_", "LLM_", "COV_"))}
    return {**kept, "LLMLB_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1", **(extra or {})}


def run_llmlb(data_dir: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``llmlb`` with *arguments* to its end and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "llmlb_core", *arguments],
        env=environment(data_dir, env),
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT_S,
    )


@define
class LiveServer:
    """``llmlb serve`` on a free port.

    Attributes:
        url: Such as ``http://127.0.0.1:43210``.
        key: An API key with the scopes ``api`` and ``admin``.
        log: The last lines it wrote to stderr.
    """

    data_dir: Path
    process: subprocess.Popen[str]
    url: str = ""
    key: str = field(default="", repr=False)
    log: deque[str] = field(factory=lambda: deque(maxlen=500))
    _lines: queue.Queue[str] = field(factory=queue.Queue)

    @classmethod
    def start(
        cls, data_dir: Path, toml: str = "", env: Mapping[str, str] | None = None, *, with_key: bool = True, port: int = 0
    ) -> LiveServer:
        """Write *toml* as ``llmlb.toml``, start the server and wait until it answers.

        Args:
            data_dir: Its data directory; made where it is not there.
            toml: Its settings.
            env: Further variables of its environment.
            with_key: Whether a key is made for it first.
            port: Where it listens, such as where one that was killed did; 0 = on a free port.

        Raises:
            RuntimeError: It ended, or said nothing, before it was ready; the message has its stderr.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / "llmlb.toml").write_text(toml)
        key = ""
        if with_key:
            made = run_llmlb(data_dir, "keys", "create", "--name", "tests", "--scope", "api", "--scope", "admin", env=env)
            found = re.search(r"sk_[A-Za-z0-9]{32}", made.stdout)
            if found is None:
                raise RuntimeError(f"no key was made: {made.stdout}{made.stderr}")
            key = found.group()
        process = subprocess.Popen(
            [sys.executable, "-m", "llmlb_core", "serve", "--port", str(port)],
            env=environment(data_dir, env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        server = cls(data_dir, process, key=key)
        for stream, sink in ((process.stdout, server._lines.put), (process.stderr, server.log.append)):
            threading.Thread(target=_drain, args=(stream, sink), daemon=True).start()
        server._await_ready()
        return server

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                ready = _READY.search(self._lines.get(timeout=0.2))
                if ready is not None:
                    self.url = ready.group(1)
                    return
            if self.process.poll() is not None:
                break
        self.kill()
        raise RuntimeError(f"the server did not start (exit code {self.process.returncode}):\n" + "".join(self.log))

    def children(self) -> list[int]:
        """Return the process ids of its workers (Linux)."""
        listing = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return sorted({int(pid) for file in listing for pid in file.read_text().split()})

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)


def _drain(stream: IO[str] | None, sink: object) -> None:
    assert stream is not None
    with (
        stream,
        contextlib.suppress(ValueError),
    ):  # closed at its end: a pipe left open is a ResourceWarning in whichever test comes next
        for line in stream:
            sink(line)  # type: ignore[operator]  # put or append
