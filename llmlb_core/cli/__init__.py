"""The command line: ``main`` is what ``llmlb`` and ``python -m llmlb_core`` run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

EXIT_OK, EXIT_FAILURE, EXIT_SETTINGS, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
_SELDOM = (20_000, 50, 100)
"""When Python looks for garbage: what a command imports is needed to its end, and looking at it took 70 ms of a server's start."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code: 0 done, 1 failed, 2 wrong settings or no start, 3 wrong usage.

    Errors that llmlb raises on purpose are one line on stderr; a traceback is a defect.

    Args:
        args: Without the program's name; ``sys.argv`` by default.
    """
    gc.set_threshold(*_SELDOM)
    import click

    from llmlb_core.cli.root import root

    try:
        with root.make_context("llmlb", list(sys.argv[1:] if args is None else args)) as ctx:
            root.invoke(ctx)
            sys.stdout.flush()
    except click.exceptions.Exit as wanted:
        return wanted.exit_code
    except (Exception, KeyboardInterrupt) as error:
        code = _report(error)
        if code is None:
            raise
        return code
    return EXIT_OK


def _report(error: BaseException) -> int | None:
    """Say what ended the command and return its exit code; None for a defect, whose traceback is wanted."""
    import click

    from llmlb_core.errors import LLMLBError, StartError

    if isinstance(error, click.ClickException):
        error.show()
        # click's own exit code for wrong usage is 2, which means wrong settings here
        return EXIT_USAGE if isinstance(error, click.UsageError) else error.exit_code
    if isinstance(error, LLMLBError):
        print(f"llmlb: {error}", file=sys.stderr)
        return EXIT_SETTINGS if isinstance(error, StartError) else EXIT_FAILURE
    if isinstance(error, BrokenPipeError):  # the reader left (`llmlb plugins | head`); exit must not flush into the pipe either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    return EXIT_INTERRUPTED if isinstance(error, click.Abort | KeyboardInterrupt) else None
