"""Programs that the bench needs from the system."""

from __future__ import annotations

import shutil

from bench.errors import BenchError


def installed(program: str, package: str, why: str) -> str:
    """Return the path of *program*.

    Args:
        program: Its name.
        package: Debian's, that has it.
        why: What cannot be done without it.

    Raises:
        BenchError: It is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise BenchError(f"'{program}' was not found, and without it {why}: apt-get install {package}")
    return found
