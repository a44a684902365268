"""Embeddings as results. Source: the reference's page "Embeddings"."""

from __future__ import annotations

import base64
import binascii
from array import array
from sys import byteorder
from typing import Any

import msgspec

from llmlb_core import AnswerReader, Usage, Vectors, told_usage

_BYTES = 4
"""Of a number."""


class _Row(msgspec.Struct):
    embedding: str | list[float]
    index: int = 0


class _Document(msgspec.Struct):
    data: list[_Row]
    usage: Any = None


class VectorReader(AnswerReader):
    """Reads vectors, as base64 or as numbers: servers that know only one of the two give that."""

    def read(self, events: bytes) -> bytes:
        """Vectors do not come in a stream."""
        return events

    def read_plain(self, body: bytes) -> None:
        """Take all of them, in the order of the inputs."""
        try:
            document = msgspec.json.decode(body, type=_Document)
            rows = [_bytes(row.embedding) for row in sorted(document.data, key=lambda row: row.index)]
        except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error) as error:
            raise ValueError(f"its answer holds no embeddings ({error})") from None
        if not rows or len({len(row) for row in rows}) != 1 or not rows[0] or len(rows[0]) % _BYTES:
            raise ValueError(f"its answer holds {len(rows)} embeddings that are not of one length")
        usage = told_usage(document.usage)
        self.results.append(Vectors(b"".join(rows), len(rows), len(rows[0]) // _BYTES, usage or Usage()))


def _bytes(embedding: str | list[float]) -> bytes:
    if isinstance(embedding, str):
        return base64.b64decode(embedding, validate=True)
    numbers = array("f", embedding)
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
