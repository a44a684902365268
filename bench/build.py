"""Compiles the C programs on the spot, and finds wrk."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.errors import BenchError
from bench.paths import BENCH, SCRATCH
from bench.tools import installed

FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror")


def program(name: str) -> Path:
    """Return the compiled ``c/<name>.c``, compiling it when it is missing or older than its source.

    Raises:
        BenchError: There is no C compiler, or it refused the source.
    """
    source, target = BENCH / "c" / f"{name}.c", SCRATCH / "bin" / name
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return target
    compiler = installed("cc", "gcc libc6-dev", "nothing written in C can be compiled")
    target.parent.mkdir(parents=True, exist_ok=True)
    half_made = target.with_suffix(".new")
    done = subprocess.run([compiler, *FLAGS, "-o", half_made, source], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{source.name} does not compile:\n{done.stderr}")
    half_made.replace(target)
    return target


def wrk() -> str:
    """Return the path of wrk, the load generator.

    Raises:
        BenchError: It is not installed.
    """
    return installed("wrk", "wrk", "there is no load")
