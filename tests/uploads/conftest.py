"""Forms as clients send them."""

from __future__ import annotations

import pytest
from attrs import define, field

from llmlb_core.contracts.outlet import Outlet
from llmlb_core.errors import BodyTooLarge
from llmlb_core.uploads.reader import Uploads
from llmlb_core.uploads.spool import Spool


@define(eq=False)
class Pieces(Outlet):
    """A body that comes in pieces; nothing goes out."""

    pieces: list[bytes] = field(factory=list)
    asked: int = 0

    async def body(self, max_bytes, timeout_s):
        raise AssertionError("a form is read in pieces")

    async def piece(self, max_bytes, timeout_s):
        self.asked += 1
        piece = self.pieces.pop(0) if self.pieces else b""
        if len(piece) > max_bytes:
            raise BodyTooLarge("too large")
        return piece

    def open(self, status, headers, length=None): ...

    def write(self, data): ...

    async def drained(self): ...

    def end(self): ...

    def fail(self): ...


def cut(data: bytes, size: int) -> list[bytes]:
    """Return *data* in pieces of *size*."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.fixture
async def uploads(tmp_path):
    """An empty spool; at the end it is empty again."""
    spool = Spool(tmp_path / "uploads", 1024**3)
    spool.prepare()
    uploads = Uploads(spool)
    yield uploads
    await uploads.close()
    assert [] == list(spool.folder.iterdir())
    assert 0 == spool.held_bytes
