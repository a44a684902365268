"""Reads the header of a GGUF file: its key-value pairs and the list of its tensors, never a tensor.

The layout is that of the GGUF specification, versions 2 and 3, little-endian. Everything a file can claim is bounded before it is
believed, so that any bytes at all end in ``ModelFilesInvalid`` within seconds and a few megabytes.
"""

from __future__ import annotations

from pathlib import Path

from attrs import define, field, frozen

from llmlb_core.errors import ModelFilesInvalid
from llmlb_engine_llamacpp.cursor import Cursor
from llmlb_engine_llamacpp.tables import SCALARS, TENSOR_TYPES

MAGIC = b"GGUF"
MAX_PAIRS = 65_536
MAX_TENSORS = 1_000_000
MAX_DIMENSIONS = 8
MAX_KEY_BYTES = 65_535
MAX_NAME_BYTES = 4_096
MAX_TEXT_BYTES = 4 * 1024 * 1024
MAX_ARRAY_TEXTS = 4_000_000
MAX_KEPT_ITEMS = 1_024
MAX_ALIGNMENT = 1 << 20

_STRING, _ARRAY = 8, 9

Value = int | float | bool | str | tuple[int | float | bool, ...]


@frozen
class Texts:
    """Where an array of strings lies in the file; read one by one with ``Header.text_at``."""

    offset: int
    count: int


@frozen
class Header:
    """What the header of one file says.

    Attributes:
        values: Numbers, texts and short arrays of numbers, by key.
        texts: Arrays of strings, by key.
        tensor_count: How many tensors this file holds.
        parameter_count: Elements of all its tensors.
        largest_type: The type that holds most of its bytes, such as ``Q4_K``.
        size_bytes: Size of the file.
    """

    path: Path
    version: int
    values: dict[str, Value]
    texts: dict[str, Texts]
    tensor_count: int
    parameter_count: int
    largest_type: str
    size_bytes: int

    def number(self, key: str) -> int | None:
        """Return an integer; of an array (one entry a layer) its largest; None where it is absent or something else."""
        value = self.values.get(key)
        if isinstance(value, tuple):
            value = max((item for item in value if isinstance(item, int)), default=None)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def text(self, key: str) -> str:
        """Return a text, empty where it is absent or something else."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def text_at(self, key: str, index: int | None) -> str:
        """Return one entry of an array of strings, empty where there is none."""
        texts = self.texts.get(key)
        if texts is None or index is None or not 0 <= index < texts.count:
            return ""
        with Cursor(self.path) as cursor:
            cursor.seek(texts.offset)
            cursor.skip_texts(index)
            return cursor.text(MAX_NAME_BYTES, f"entry {index} of {key}")


def read_header(path: Path) -> Header:
    """Read the header of *path* and check that the file is long enough for its tensors.

    Raises:
        ModelFilesInvalid: It is missing, no GGUF file, of a version that is not known here, damaged or cut.
    """
    with Cursor(path) as cursor:
        magic = cursor.take(4) if cursor.size >= 4 else b""
        if magic != MAGIC:
            raise ModelFilesInvalid(f"{path.name} is not a GGUF file: it starts with {magic!r}, expected {MAGIC!r}.")
        version = cursor.u32()
        if version not in {2, 3}:
            big = version != 0 and version & 0xFFFF == 0
            said = "is big-endian" if big else f"has GGUF version {version}"
            raise ModelFilesInvalid(f"{path.name} {said}; versions 2 and 3, little-endian, are read. Convert it anew.")
        return _Reader(cursor, path, version).read()


@define
class _Reader:
    """Reads one file, front to back."""

    cursor: Cursor
    path: Path
    version: int
    values: dict[str, Value] = field(factory=dict)
    texts: dict[str, Texts] = field(factory=dict)
    text_bytes: int = 0

    def read(self) -> Header:
        tensor_count = self.cursor.count(MAX_TENSORS, "tensors")
        for _ in range(self.cursor.count(MAX_PAIRS, "key-value pairs")):
            key = self.cursor.text(MAX_KEY_BYTES, "a key")
            self.pair(key, self.cursor.u32())
        parameters, largest = self.tensors(tensor_count)
        return Header(
            path=self.path,
            version=self.version,
            values=self.values,
            texts=self.texts,
            tensor_count=tensor_count,
            parameter_count=parameters,
            largest_type=largest,
            size_bytes=self.cursor.size,
        )

    def pair(self, key: str, kind: int) -> None:
        """Read the value of *key*."""
        if kind in SCALARS:
            self.values[key] = self.cursor.scalar(SCALARS[kind])
        elif kind == _STRING:
            value = self.cursor.text(MAX_TEXT_BYTES, f"the text of {key}")
            self.text_bytes += len(value)
            if self.text_bytes > MAX_TEXT_BYTES:
                raise self.cursor.damaged(f"its texts have more than {MAX_TEXT_BYTES} characters together")
            self.values[key] = value
        elif kind == _ARRAY:
            self.array(key, self.cursor.u32())
        else:
            raise self.cursor.damaged(f"{key} has the unknown value type {kind}")

    def array(self, key: str, kind: int) -> None:
        """Read a short array of numbers; remember where strings are; skip the rest."""
        if kind == _STRING:
            count = self.cursor.count(MAX_ARRAY_TEXTS, f"strings in {key}")
            self.texts[key] = Texts(self.cursor.offset, count)
            self.cursor.skip_texts(count)
            return
        if kind not in SCALARS:
            raise self.cursor.damaged(f"{key} is an array of the unknown type {kind}")
        scalar = SCALARS[kind]
        count = self.cursor.count(self.cursor.size // scalar.size, f"numbers in {key}")
        if count <= MAX_KEPT_ITEMS:
            self.values[key] = tuple(self.cursor.scalar(scalar) for _ in range(count))
        else:
            self.cursor.skip(count * scalar.size)

    def tensors(self, count: int) -> tuple[int, str]:
        """Read the list of tensors; return how many parameters they have and their main type."""
        parameters, needed = 0, 0
        bytes_by_type: dict[int, int] = {}
        for _ in range(count):
            self.cursor.skip_text(MAX_NAME_BYTES, "the name of a tensor")
            dimensions = self.cursor.u32()
            if not 1 <= dimensions <= MAX_DIMENSIONS:
                raise self.cursor.damaged(f"a tensor has {dimensions} dimensions, expected 1 to {MAX_DIMENSIONS}")
            elements = 1
            for _ in range(dimensions):
                elements *= self.cursor.u64()
            kind, offset = self.cursor.u32(), self.cursor.u64()
            parameters += elements
            known = TENSOR_TYPES.get(kind)
            size = -(-elements // known.block_elements) * known.block_bytes if known else 0
            bytes_by_type[kind] = bytes_by_type.get(kind, 0) + size
            needed = max(needed, offset + size)
        start = -(-self.cursor.offset // self.alignment()) * self.alignment()
        if count and self.cursor.size < start + needed:
            raise ModelFilesInvalid(
                f"{self.path.name} is cut: {self.cursor.size} bytes, expected at least {start + needed}. Fetch it again."
            )
        largest = max(bytes_by_type, key=lambda kind: bytes_by_type[kind], default=-1)
        return parameters, TENSOR_TYPES[largest].name if largest in TENSOR_TYPES else ""

    def alignment(self) -> int:
        """Where tensor data starts: at a multiple of this many bytes."""
        value = self.values.get("general.alignment", 32)
        if not isinstance(value, int) or not 0 < value <= MAX_ALIGNMENT:
            raise self.cursor.damaged(f"general.alignment is {value!r}, expected 1 to {MAX_ALIGNMENT}")
        return value
