"""What makes a worker die with its server, die before it, and die without leaving prompts on the disk."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path

OOM_SCORE_ADDED = 500
_PR_SET_PDEATHSIG = 1


def guard_process() -> None:
    """Set the guards of this process, the worker. First thing it does; each guard only where the system has it.

    A server that is killed takes its workers along even while engine code sits in a C call that holds the interpreter: the kernel
    sends the signal. The kernel means the *thread* that started us, which is why the server starts workers in its loop's thread.
    """
    faulthandler.enable()  # a crash in native code leaves a trace in the output that the server keeps
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when we end, not a Ctrl-C in its terminal
    _die_with_parent()
    _die_before_the_server()
    _dump_no_core()


def _die_with_parent() -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died just before; nobody will tell us


def _die_before_the_server() -> None:
    path = Path("/proc/self/oom_score_adj")
    with contextlib.suppress(OSError, ValueError):
        path.write_text(str(min(1000, int(path.read_text(encoding="ascii")) + OOM_SCORE_ADDED)), encoding="ascii")


def _dump_no_core() -> None:
    """Memory of a worker holds people's prompts."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def watch_channel(sock: socket.socket) -> None:
    """End this process when the other side of *sock* is gone, from a thread: the loop may be held up by engine code."""
    if not hasattr(select, "poll"):
        return  # the loop's own end of file remains
    poll = select.poll()
    poll.register(sock.fileno(), getattr(select, "POLLRDHUP", 0))

    def watch() -> None:
        while not poll.poll():
            pass
        os._exit(1)

    threading.Thread(target=watch, name="channel-watch", daemon=True).start()
