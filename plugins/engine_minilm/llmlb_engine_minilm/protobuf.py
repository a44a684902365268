"""As much of Protocol Buffers as looking into an ONNX file takes: fields one after another, nothing copied."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """These bytes are no message."""


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message: an int, or a view of its bytes.

    Raises:
        Malformed: The message is cut, or none.
    """
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == BYTES:
            length, place = _varint(data, place)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise Malformed(f"field {number} has the unknown wire type {kind}")
        if number == 0 or place + length > end:
            raise Malformed(f"field {number} has {length} bytes, and {end - place} are there")
        yield number, data[place : place + length]
        place += length


def numbers(value: int | memoryview) -> list[int]:
    """Return what a repeated integer field holds, packed or not."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        found.append(number)
    return found


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise Malformed("it ends in the middle of a number")
        byte = data[place]
        place += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, place
    raise Malformed("a number has more than 10 bytes")
