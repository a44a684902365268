"""Where xllamacpp's own server listens.

It cannot be kept from listening, and its tokenizer can be reached in no other way. So it gets an address that only this process
can use: a unix socket in a folder of this user, and a random key as well; where there are no unix sockets, a free loopback port.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
from attrs import define, field

from llmlb_core.errors import EngineFailed

TIMEOUT_S = 30.0
STREAM_TIMEOUT_S = 300.0
"""Between two lines of a stream: an image is one step, and a slow machine takes minutes for a large one."""
_STALE_AFTER_S = 60.0


@define
class Address:
    """One server's address and the key to it.

    Attributes:
        host: What xllamacpp is told to listen on.
        key: What it asks of every caller.
        port: Known once it listens; not used with a unix socket.
    """

    host: str
    key: str = field(repr=False, factory=lambda: secrets.token_urlsafe(32))
    port: int = 0

    @classmethod
    def new(cls) -> Self:
        """Make an address that nobody uses."""
        if not hasattr(socket, "AF_UNIX"):
            return cls("127.0.0.1")
        folder = _folder()
        _sweep(folder)
        return cls(str(folder / f"{os.getpid()}-{secrets.token_hex(4)}.sock"))

    @property
    def is_socket(self) -> bool:
        """Whether it is a unix socket."""
        return self.host.endswith(".sock")

    def close(self) -> None:
        """Remove the socket file."""
        if self.is_socket:
            Path(self.host).unlink(missing_ok=True)

    def ask(self, path: str, body: object = None) -> bytes:
        """Send one request (``POST`` with *body* as JSON, else ``GET``) and return the answer.

        Raises:
            EngineFailed: No answer in time, or none with status 200.
        """
        connection = _Connection(self)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request(
                "GET" if body is None else "POST", path, msgspec.json.encode(body) if body is not None else None, headers
            )
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineFailed(f"llama.cpp does not answer {path}: {error!r}.") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise EngineFailed(f"llama.cpp answered {path} with {answer.status}: {data[:500].decode(errors='replace')}")
        return data

    def stream(self, path: str, body: bytes) -> Iterator[bytes]:
        """Send *body* and yield the lines of the answer as they come; closing the iterator ends the call there.

        Raises:
            EngineFailed: No answer in time.
        """
        connection = _Connection(self, STREAM_TIMEOUT_S)
        try:
            connection.request("POST", path, body, {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:  # as an event, which says what is wrong
                yield b"data: " + answer.read()
                return
            yield from answer
        except (OSError, http.client.HTTPException) as error:
            raise EngineFailed(f"llama.cpp does not answer {path}: {error!r}.") from error
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket or a loopback port."""

    def __init__(self, address: Address, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__("127.0.0.1", address.port or None, timeout=timeout_s)
        self._address = address

    def connect(self) -> None:
        if not self._address.is_socket:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._address.host)


def _folder() -> Path:
    """Return a folder that only this user can enter, made on first use."""
    folder = Path(tempfile.gettempdir()) / f"llmlb-llamacpp-{os.getuid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700)
    try:
        seen = folder.lstat()
        is_ours = folder.is_dir() and not folder.is_symlink() and seen.st_uid == os.getuid() and not seen.st_mode & 0o077
    except OSError:
        is_ours = False
    # Somebody else made that name: take one that nobody can guess.
    return folder if is_ours else Path(tempfile.mkdtemp(prefix="llmlb-"))


def _sweep(folder: Path) -> None:
    """Remove sockets that workers which were killed left behind: nobody listens there."""
    for path in folder.glob("*.sock"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            if time.time() - path.stat().st_mtime < _STALE_AFTER_S:
                continue
            probe.settimeout(1)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
