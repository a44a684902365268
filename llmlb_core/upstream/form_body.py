"""A form on its way to a server: written anew from its parts, its large files read from disk while they are sent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from attrs import frozen

from llmlb_core.domain.forms import Form
from llmlb_core.domain.media import Blob

PIECE_BYTES = 256 * 1024
"""Read and sent at a time."""


@frozen
class FormBody:
    """The body of one request; it can be sent again and again.

    Attributes:
        content_type: With the boundary.
        length: In bytes.
        segments: What it is made of.
    """

    content_type: str
    length: int
    segments: tuple[bytes | Blob, ...]

    @classmethod
    def of(cls, form: Form, model: str) -> FormBody:
        """Return *form* with *model* as its model."""
        boundary = f"llmlb-{secrets.token_hex(16)}"
        segments: list[bytes | Blob] = []
        text = bytearray()
        for name, value in form.fields:
            shown = model if name == "model" else value
            text += f'--{boundary}\r\ncontent-disposition: form-data; name="{_quoted(name)}"\r\n\r\n{shown}\r\n'.encode()
        for file in form.files:
            text += _head_of(boundary, file.name, file.filename, file.content_type)
            segments += [bytes(text), file.blob]
            text[:] = b"\r\n"
        text += f"--{boundary}--\r\n".encode()
        segments.append(bytes(text))
        length = sum(len(each) if isinstance(each, bytes) else each.size_bytes for each in segments)
        return cls(f"multipart/form-data; boundary={boundary}", length, tuple(segments))

    async def pieces(self) -> AsyncIterator[bytes | memoryview]:
        """Yield all of it, piece by piece; files are read in threads.

        Raises:
            OSError: A file is no more.
        """
        for segment in self.segments:
            data = segment if isinstance(segment, bytes) else segment.data
            if isinstance(segment, bytes) or segment.path is None:
                for at in range(0, len(data), PIECE_BYTES):
                    yield memoryview(data)[at : at + PIECE_BYTES]
                continue
            at = 0
            while piece := await asyncio.to_thread(_read_at, segment.path, at):
                yield piece
                at += len(piece)


def _read_at(path: str, at: int) -> bytes:
    """Return a piece of a file, which is opened for it: nothing is left open where nobody waits for it any more."""
    with Path(path).open("rb", buffering=0) as file:
        file.seek(at)
        return file.read(PIECE_BYTES)


def _head_of(boundary: str, name: str, filename: str, content_type: str) -> bytes:
    kind = f"content-type: {content_type}\r\n" if content_type.isascii() and content_type.isprintable() and content_type else ""
    disposition = f'form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"'
    return f"--{boundary}\r\ncontent-disposition: {disposition}\r\n{kind}\r\n".encode()


def _quoted(name: str) -> str:
    """Return *name* as HTML writes it into a header."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
