"""``python -m llmlb_core.worker <plugin> <engine> <channel>``: one model, in a process of its own. Started by the server."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run a worker; returns, with an exit code, only where it was called wrongly."""
    if len(arguments) != 3:
        print(  # noqa: T201  # the only words of a command that people are not meant to run
            "usage: python -m llmlb_core.worker PLUGIN ENGINE CHANNEL\nWorkers are started by the server (llmlb serve).",
            file=sys.stderr,
        )
        return 2
    from llmlb_core.worker.child import run

    return run(*arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
