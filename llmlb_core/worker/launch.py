"""An operating system process that runs a worker: started, signalled, reaped, its output kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import threading

from llmlb_core.errors import EngineFailed
from llmlb_core.worker.channel import address_of
from llmlb_core.worker.environment import Command, worker_environment
from llmlb_core.worker.output import Output


class Launched:
    """A process that was started.

    Attributes:
        pid: It leads a session and a process group of its own.
        exited: Done with the exit code when the process was reaped; negative for a signal.
        output: What it prints.
    """

    def __init__(self, popen: subprocess.Popen[bytes], output: Output, exited: asyncio.Future[int]) -> None:
        """Hold the parts; use ``launch``."""
        self.pid = popen.pid
        self.exited = exited
        self.output = output
        self._popen = popen

    @property
    def looks_dead(self) -> bool:
        """Whether the process ended, asked of the kernel: true before anybody was told. Does not reap."""
        if self.exited.done():
            return True
        if not hasattr(os, "waitid"):
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # reaped a moment ago

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and whatever it started; nothing where it is gone."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def sweep(self) -> None:
        """Kill what the process left behind in its group. Right after it was reaped: no other process can have the number yet."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def launch(command: Command, sock: socket.socket) -> Launched:
    """Start the process of *command*; it inherits *sock* and nothing else.

    To be called in the loop's own thread: the kernel kills a worker when the thread that started it ends (see ``guards``).

    Raises:
        EngineFailed: The interpreter cannot be started.
    """
    try:
        popen = subprocess.Popen(  # noqa: ASYNC220  # starting takes about a millisecond, and waiting is done in a thread
            command.arguments(address_of(sock)),
            env=worker_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(sock.fileno(),),
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise EngineFailed(
            f"Model {command.model!r} cannot be run: the interpreter {command.python!r} cannot be started ({error.strerror}). "
            f"Set `interpreter` in [engines.{command.engine}] to a Python that has llmlb-core and the plugin, or remove it."
        ) from error
    loop = asyncio.get_running_loop()
    exited: asyncio.Future[int] = loop.create_future()

    def settle(code: int) -> None:
        if not exited.done():
            exited.set_result(code)

    def reap() -> None:
        code = popen.wait()
        # The loop is closed where the server was torn down without stopping.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, code)

    threading.Thread(target=reap, name=f"reap-{popen.pid}", daemon=True).start()
    assert popen.stdout is not None
    output = await Output.of(popen.stdout, command.model)
    return Launched(popen, output, exited)


def describe_exit(code: int) -> str:
    """Return what an exit code says: ``was killed by signal 9 (SIGKILL)`` or ``exited with code 3``."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = "; perhaps by the system, for lack of memory" if name == "SIGKILL" else ""
    return f"was killed by signal {-code} ({name}{hint})"
