"""strace beside a running server: attaches, detaches, and reads what was written."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.tools import installed

ATTACH_S = 20.0
SHOWN_BYTES = 24
"""Of each buffer: enough to know a request from an answer, too little to hold a key."""
_ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")
_LINE = re.compile(r"^(\d+)\s+(.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>")
_FIRST_FD = re.compile(r"^(\w+)\((\d+)")
_REQUEST = '"POST /v1/'
_READS, _WRITES = ("read", "recvfrom", "recvmsg", "readv"), ("write", "sendto", "sendmsg", "writev")


def find_strace() -> str:
    """Return its path.

    Raises:
        BenchError: It is not installed.
    """
    return installed("strace", "strace", "system calls cannot be counted")


@contextmanager
def traced(pids: Sequence[int], *options: str) -> Iterator[list[str]]:
    """Trace *pids* and all of their threads inside the block; the list that is yielded holds strace's lines after it.

    Raises:
        BenchError: strace is missing, or may not attach.
    """
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="llmlb-bench-") as folder:
        output = Path(folder) / "strace.txt"
        command = [find_strace(), "-f", "-s", str(SHOWN_BYTES), *options, "-o", str(output), *(f"-p{pid}" for pid in pids)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as tracer:
            try:
                _await_attached(tracer, len(pids))
                yield lines
            finally:
                tracer.send_signal(signal.SIGINT)
                tracer.communicate()
        lines += output.read_text(errors="replace").splitlines()


def _await_attached(tracer: subprocess.Popen[bytes], count: int) -> None:
    assert tracer.stderr is not None
    said = b""
    deadline = time.monotonic() + ATTACH_S
    while said.count(b" attached") < count:
        ready, _, _ = select.select([tracer.stderr], [], [], max(0.0, deadline - time.monotonic()))
        more = os.read(tracer.stderr.fileno(), 65536) if ready else b""
        said += more
        if not more:
            why = said.decode(errors="replace").strip() or f"it said nothing within {ATTACH_S:g} s"
            raise BenchError(f"strace may not look at the server (kernel.yama.ptrace_scope, a container's limits?): {why}")


def parse_counts(lines: Sequence[str]) -> dict[str, int]:
    """Read the table of ``strace -c``: system call → count.

    Raises:
        BenchError: There is no table.
    """
    rows = [match for line in lines if (match := _ROW.match(line))]
    counts = {match[2]: int(match[1]) for match in rows if match[2] != "total"}
    if not counts:
        raise BenchError(f"strace printed no table: {' '.join(lines)[:300]!r}")
    return counts


def one_call(lines: Sequence[str]) -> list[str]:
    """Return the system calls of one relayed call, in their order, from ``strace -f`` of several on one connection.

    They are those of the thread that read the request, from there until it reads the next. Both connections are named.

    Raises:
        BenchError: Fewer than two requests were read.
    """
    by_thread: dict[str, list[str]] = {}
    for line in lines:
        if match := _LINE.match(line):
            thread = by_thread.setdefault(match[1], [])
            if _RESUMED.match(match[2]) and thread and thread[-1].endswith("<unfinished ...>"):
                thread[-1] = thread[-1].removesuffix("<unfinished ...>").rstrip() + " " + _RESUMED.sub("", match[2]).lstrip()
            else:
                thread.append(match[2])
    for calls in by_thread.values():
        begins = [index for index, call in enumerate(calls) if _does(call, _READS) and _REQUEST in call]
        if len(begins) >= 2:
            # Not the first: it came with the connection.
            last = len(begins) - 2
            return _named(calls[begins[last] : begins[last + 1]])
    raise BenchError("strace saw no two requests on one connection; nothing can be shown of a call")


def _does(call: str, names: Sequence[str]) -> bool:
    return call.partition("(")[0] in names


def _named(calls: Sequence[str]) -> list[str]:
    client = _fd(calls[0])
    upstream = next((_fd(call) for call in calls if _does(call, _WRITES) and _REQUEST in call), None)
    names = {client: "client", upstream: "upstream"}

    def named(call: str) -> str:
        match = _FIRST_FD.match(call)
        if match is None or match[2] not in names or not _does(call, _READS + _WRITES):
            return call
        return f"{match[1]}({names[match[2]]}{call[match.end() :]}"

    return [re.sub(r"\s+= ", " = ", named(call)) for call in calls]


def _fd(call: str) -> str | None:
    match = _FIRST_FD.match(call)
    return match[2] if match else None
