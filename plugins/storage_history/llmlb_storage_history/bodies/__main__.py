"""``python -m llmlb_storage_history.bodies fd:NUMBER``: the recorder. Started by the server."""

from __future__ import annotations

import asyncio
import os
import socket
import sys


def main(arguments: list[str]) -> int:
    """Record what comes on the socket that the server left open; return the exit code."""
    scheme, _, number = arguments[0].partition(":") if len(arguments) == 1 else ("", "", "")
    if scheme != "fd" or not number.isdigit():
        sys.stderr.write("usage: python -m llmlb_storage_history.bodies fd:NUMBER\nThe server starts it (llmlb serve).\n")
        return 2
    from llmlb_core import guard_process

    guard_process()
    if hasattr(os, "nice"):
        os.nice(10)  # calls go before what is written about them
    os.set_inheritable(int(number), False)
    try:
        asyncio.run(_serve(socket.socket(fileno=int(number))))
    except Exception as error:  # noqa: BLE001  # the end of the process: say where, and nothing of what it held
        from llmlb_storage_history.bodies.child import tell_where

        tell_where(error)
        return 1
    return 0


async def _serve(connected: socket.socket) -> None:
    from llmlb_storage_history.bodies.child import Child

    connected.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=connected)
    try:
        await Child(reader, writer).run()
    finally:
        writer.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
