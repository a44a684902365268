"""``python -m llmlb_core.faults``: the fault server alone, with its control plane, until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import sys

from llmlb_core.faults.server import FaultServer


async def serve(host: str, port: int) -> None:
    """Serve for ever; the address is the first line of stdout."""
    async with FaultServer.open(host, port, can_control=True) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m llmlb_core.faults", description="A server that breaks on purpose.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 = a free one")
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(arguments.host, arguments.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
