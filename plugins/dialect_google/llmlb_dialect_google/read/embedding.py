"""Answers of ``batchEmbedContents``."""

from __future__ import annotations

import math
import sys
from array import array

import msgspec

from llmlb_core import AnswerReader, Usage, Vectors
from llmlb_dialect_google.read.shapes import usage_of


class _Embedding(msgspec.Struct):
    values: list[float]


class _Embedded(msgspec.Struct, rename="camel"):
    embeddings: list[_Embedding]
    usage_metadata: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Embedded).decode


class EmbeddingReader(AnswerReader):
    """Reads vectors; never streamed. They are made as long as one: shortened ones are not by themselves."""

    is_comparable = False

    def __init__(self, count: int) -> None:
        """Expect *count* vectors."""
        super().__init__()
        self._count = count

    def read(self, events: bytes) -> bytes:
        """Nothing comes as a stream."""
        del events
        return b""

    def read_plain(self, body: bytes) -> None:
        """Take the answer.

        Raises:
            ValueError: It is no ``BatchEmbedContentsResponse``, or has vectors of different lengths, or another number of them.
        """
        try:
            answer = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"its answer is no BatchEmbedContentsResponse: {error}") from None
        rows = [embedding.values for embedding in answer.embeddings]
        if len(rows) != self._count:
            raise ValueError(f"it answered with {len(rows)} vectors to {self._count} inputs")
        sizes = {len(row) for row in rows}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"its vectors have {sorted(sizes)} numbers; expected the same number in each")
        data = b"".join(map(_unit, rows))
        # Older versions of the API tell no usage.
        self.usage = usage_of(answer.usage_metadata) or Usage(is_counted=True)
        self.results.append(Vectors(data, len(rows), sizes.pop(), self.usage))
        self.is_finished = True


def _unit(row: list[float]) -> bytes:
    length = math.sqrt(math.fsum(value * value for value in row)) or 1.0
    numbers = array("f", [value / length for value in row])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
