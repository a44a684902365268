"""What an ONNX file says of itself: inputs, outputs and the shapes of its tables, read without its weights."""

from __future__ import annotations

import mmap
from pathlib import Path

from attrs import define, field, frozen

from llmlb_core.errors import ModelFilesInvalid
from llmlb_engine_minilm.protobuf import Malformed, fields, numbers

# Field numbers of onnx.proto: ModelProto.graph, then of GraphProto, TensorProto, ValueInfoProto and down to a dimension's size.
_GRAPH, _INITIALIZER, _INPUT, _OUTPUT = 7, 5, 11, 12
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME = 1, 2, 8
_VALUE_NAME, _VALUE_TYPE, _TENSOR_OF_TYPE, _SHAPE_OF_TENSOR, _DIMENSION, _SIZE = 1, 2, 1, 2, 1, 1
_TYPES = {1: "F32", 2: "U8", 3: "I8", 10: "F16", 16: "BF16"}


@frozen
class Tensor:
    """A constant of the graph: its name, number format and shape."""

    name: str
    type: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers it has."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@define
class Header:
    """One file.

    Attributes:
        outputs: Shapes by name; 0 stands for a length that calls decide.
    """

    size_bytes: int
    inputs: list[str] = field(factory=list)
    outputs: dict[str, tuple[int, ...]] = field(factory=dict)
    tensors: list[Tensor] = field(factory=list)

    def rows_of(self, *words: str) -> int | None:
        """How many rows the table has whose name holds one of *words*; None where there is none."""
        return next((t.shape[0] for t in self.tensors if len(t.shape) == 2 and any(word in t.name for word in words)), None)


def read_header(path: Path) -> Header:
    """Look into the file at *path*; milliseconds, whatever its size.

    Raises:
        ModelFilesInvalid: It cannot be read, or is no ONNX model; says what was seen.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if not size:
                raise ModelFilesInvalid(f"{path} is empty; fetch it again.")
            # Not closed by hand: views of it live in the traceback of what is raised, and close would raise over it.
            header = _model(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), size)
    except OSError as error:
        raise ModelFilesInvalid(f"{path} cannot be read ({error.strerror or error}).") from error
    except (Malformed, UnicodeDecodeError) as error:
        reason = str(error)
    else:
        if header is not None:
            return header
        reason = "it has no graph"
    raise ModelFilesInvalid(f"{path} is no ONNX model, or was cut: {reason}. Fetch it again.")


def _model(data: memoryview, size: int) -> Header | None:
    header = None
    for number, value in fields(data):
        if number == _GRAPH and isinstance(value, memoryview):
            header = Header(size)
            _graph(value, header)
    return header


def _graph(data: memoryview, header: Header) -> None:
    for number, value in fields(data):
        if not isinstance(value, memoryview):
            continue
        if number == _INITIALIZER:
            header.tensors.append(_tensor(value))
        elif number == _INPUT:
            header.inputs.append(_value(value)[0])
        elif number == _OUTPUT:
            name, shape = _value(value)
            header.outputs[name] = shape


def _tensor(data: memoryview) -> Tensor:
    name, kind, shape = "", 0, []
    for number, value in fields(data):
        if number == _TENSOR_DIMS:
            shape += numbers(value)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_NAME:
            name = _text(value)
    return Tensor(name, _TYPES.get(kind, ""), tuple(shape))


def _value(data: memoryview) -> tuple[str, tuple[int, ...]]:
    """Return the name and shape of an input or output."""
    name, shape = "", []
    for number, value in fields(data):
        if number == _VALUE_NAME:
            name = _text(value)
        elif number == _VALUE_TYPE:
            for tensor in _parts(value, _TENSOR_OF_TYPE):
                for dimensions in _parts(tensor, _SHAPE_OF_TENSOR):
                    shape += [_length(each) for each in _parts(dimensions, _DIMENSION)]
    return name, tuple(shape)


def _length(dimension: memoryview) -> int:
    return next((value for number, value in fields(dimension) if number == _SIZE and isinstance(value, int)), 0)


def _parts(value: int | memoryview, wanted: int) -> list[memoryview]:
    if not isinstance(value, memoryview):
        return []
    return [each for number, each in fields(value) if number == wanted and isinstance(each, memoryview)]


def _text(value: int | memoryview) -> str:
    return bytes(value).decode() if isinstance(value, memoryview) and len(value) < 4096 else ""
