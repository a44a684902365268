"""A fresh llmlb with the models of the bundle ``starter``, for as long as a ``with`` block lasts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Self

IDLE_UNLOAD_S = 5
READY = re.compile(r"is listening on (https?://\S+)")
SETTINGS = f"[workers]\nidle_unload_s = {IDLE_UNLOAD_S}\n\n[log]\naccess = false\n"


class OwnServer:
    """``llmlb models add starter``, ``llmlb keys ensure`` and ``llmlb serve`` on a free port; models are unloaded when idle."""

    def __init__(self, data_dir: Path | None = None) -> None:
        """Keep everything in *data_dir*; in a folder that is removed afterwards where it is None."""
        self._is_temporary = data_dir is None
        self._data_dir = data_dir or Path(tempfile.mkdtemp(prefix="llmlb-"))
        self._process: subprocess.Popen[str] | None = None
        self.url = self.key = ""

    def __enter__(self) -> Self:
        """Install, and serve."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        (self._data_dir / "llmlb.toml").write_text(SETTINGS)
        self._run("models", "add", "starter")
        self.key = self._run("keys", "ensure").strip()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "llmlb_core", "serve", "--port", "0"], env=self._environment(), stdout=subprocess.PIPE, text=True
        )
        self.url = self._await_ready(self._process.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
            if self._process.stdout is not None:
                self._process.stdout.close()
        if self._is_temporary:
            shutil.rmtree(self._data_dir, ignore_errors=True)

    def memory_bytes(self) -> int:
        """Resident memory of the server and its workers (Linux; 0 elsewhere)."""
        return sum(_resident_bytes(pid) for pid in self._pids())

    def await_unloading(self, timeout_s: float) -> None:
        """Return when no worker runs any more.

        Raises:
            TimeoutError: One still does.
        """
        deadline = time.monotonic() + timeout_s
        while len(self._pids()) > 1:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._pids()) - 1} models are still loaded after {timeout_s:g} s")
            time.sleep(0.2)

    def _pids(self) -> list[int]:
        """The server's own process id, then those of its workers."""
        if self._process is None:
            return []
        own = self._process.pid
        children = " ".join(path.read_text() for path in Path(f"/proc/{own}/task").glob("*/children")).split()
        return [own, *sorted({int(pid) for pid in children})]

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "llmlb_core", *arguments]
        return subprocess.run(command, env=self._environment(), stdout=subprocess.PIPE, text=True, check=True).stdout

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LLMLB_")}
        return {**kept, "LLMLB_DATA_DIR": str(self._data_dir), "PYTHONUNBUFFERED": "1"}

    def _await_ready(self, output: IO[str] | None) -> str:
        assert output is not None
        for line in output:
            ready = READY.search(line)
            if ready is not None:
                return ready[1]
        raise RuntimeError("the server ended before it was ready; its reasons are above")


def _resident_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it ended just now, or there is no /proc
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)
