"""An outlet whose answer stays here: for calls that this server makes itself."""

from __future__ import annotations

from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.errors import EndpointFailed, InternalError

MAX_BYTES = 4 * 1024 * 1024
"""A transcript of half an hour has 30 KB."""


class KeptAnswer(Outlet):
    """Keeps the whole answer, up to ``MAX_BYTES``. Nobody sends it a body, and nobody reads it slowly."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._data = bytearray()

    @property
    def data(self) -> bytes:
        """The whole body.

        Raises:
            EndpointFailed: It is too long.
        """
        if self.bytes_out > MAX_BYTES:
            raise EndpointFailed(f"The answer has {self.bytes_out} bytes; at most {MAX_BYTES} are taken.")
        return bytes(self._data)

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Raise: the call was there before its outlet."""
        del max_bytes, timeout_s
        raise InternalError("a call of this server itself has no body to be read")

    piece = body

    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Note the status."""
        del headers, length
        self.opened, self.status = True, status

    def write(self, data: bytes) -> None:
        """Keep a piece."""
        self.bytes_out += len(data)
        if self.bytes_out <= MAX_BYTES:
            self._data += data

    async def drained(self) -> None:
        """Return: there is always room."""

    def end(self) -> None:
        """Nothing is left to do."""

    def fail(self) -> None:
        """Nothing is left to do: whoever waits is told by an error."""
