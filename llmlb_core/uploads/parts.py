"""The parts of a form as they arrive: python-multipart finds them, this checks and counts them."""

from __future__ import annotations

import re

from attrs import define, field

from llmlb_core.errors import BodyTooLarge, InvalidRequest

MAX_PARTS = 256
MAX_FIELD_BYTES = 256 * 1024
"""Of one field; a prompt of 32,000 characters fits."""
MAX_FIELDS_BYTES = 1024 * 1024
"""Of all fields together."""
MAX_HEADERS = 16
MAX_HEADER_BYTES = 4096
MAX_NAME_LENGTH = 255
_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")


@define(eq=False)
class Part:
    """One part.

    Attributes:
        filename: None of a field.
        content_type: As the client said.
        held: What has come and was not taken elsewhere.
        size_bytes: All that has come.
        is_whole: Whether its end has come.
    """

    name: str
    filename: str | None
    content_type: str
    held: bytearray = field(factory=bytearray, repr=False)
    size_bytes: int = 0
    is_whole: bool = False

    def text(self) -> str:
        """Return the value of a field.

        Raises:
            InvalidRequest: It is no UTF-8.
        """
        try:
            return self.held.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"The field '{self.name}' is no UTF-8 text.", param=self.name) from None


def broken(why: str) -> InvalidRequest:
    """Return what a form that cannot be read is answered with."""
    return InvalidRequest(f"The form could not be read: {why}.", code="invalid_multipart")


class Parts:
    """Takes a form apart, piece by piece.

    Attributes:
        all: Parts in the order in which they began.
        is_whole: Whether the form's end has come.
        files_bytes: Of all files so far; likewise ``fields_bytes``.
    """

    def __init__(self, boundary: bytes, max_files_bytes: int) -> None:
        """Expect parts between *boundary*, with files of no more than *max_files_bytes* all together."""
        self.all: list[Part] = []
        self.is_whole = False
        self.files_bytes = self.fields_bytes = 0
        self._max_files_bytes = max_files_bytes
        self._current: Part | None = None
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        from python_multipart.exceptions import FormParserError  # as in ``boundary``: only who gets uploads pays for it
        from python_multipart.multipart import MultipartParser, parse_options_header

        self._problem, self._options = FormParserError, parse_options_header
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._begin,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of the form; what follows its end is ignored.

        Raises:
            InvalidRequest: It is no form.
            BodyTooLarge: It is more than a form may hold.
        """
        if self.is_whole:
            return
        try:
            self._parser.write(data)
        except self._problem as error:
            raise broken(str(error).rstrip(".")[:200]) from None

    # --- the parser calls these

    def _header_end(self) -> None:
        self._headers[bytes(self._name).strip().lower()] = bytes(self._value).strip()
        self._name.clear()
        self._value.clear()

    def _begin(self) -> None:
        if len(self.all) >= MAX_PARTS:
            raise InvalidRequest(f"The form has more than {MAX_PARTS} parts.", code="invalid_multipart")
        disposition, options = self._options(self._headers.get(b"content-disposition"))
        name, filename = _text(options.get(b"name")), _text(options.get(b"filename"))
        if disposition != b"form-data" or not name or len(name) > MAX_NAME_LENGTH:
            raise broken(f"part {len(self.all) + 1} has no 'Content-Disposition: form-data' with a name")
        encoding = self._headers.get(b"content-transfer-encoding", b"").decode("latin-1").lower()
        if encoding not in _PLAIN_ENCODINGS:
            raise broken(f"'{name}' is sent as {encoding[:40]}; RFC 7578 has forms without transfer encodings")
        content_type = _UNSEEN.sub("", self._headers.get(b"content-type", b"").decode("latin-1"))[:MAX_NAME_LENGTH]
        if filename is not None:
            filename = _UNSEEN.sub("", filename.replace("\\", "/").rpartition("/")[2])[-MAX_NAME_LENGTH:]
        self._current = Part(name, filename, content_type)
        self.all.append(self._current)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part, size = self._current, end - start
        assert part is not None
        part.size_bytes += size
        if part.filename is None:
            self.fields_bytes += size
            if part.size_bytes > MAX_FIELD_BYTES or self.fields_bytes > MAX_FIELDS_BYTES:
                raise BodyTooLarge(
                    f"The field '{part.name}' is too long: a field may have {MAX_FIELD_BYTES} bytes, "
                    f"all fields {MAX_FIELDS_BYTES}. Files are sent with a filename.",
                    param=part.name,
                )
        else:
            self.files_bytes += size
            if self.files_bytes > self._max_files_bytes:
                raise too_large(self._max_files_bytes, part.name)
        part.held += memoryview(data)[start:end]

    def _end(self) -> None:
        if self._current is not None:
            self._current.is_whole = True
        self._current = None

    def _finish(self) -> None:
        self.is_whole = True


def too_large(max_bytes: int, name: str | None = "file") -> BodyTooLarge:
    """Return what a form whose files are too large is answered with (26006000-F25)."""
    return BodyTooLarge(
        f"The upload is larger than {max_bytes} bytes ({max_bytes / 2**20:.3g} MiB), the limit of this route. Send a smaller file.",
        param=name,
        code="file_too_large",
    )


def _text(value: bytes | None) -> str | None:
    """Return what a header's parameter says: UTF-8, as clients send it, with what HTML escapes in names."""
    if value is None:
        return None
    return value.decode("utf-8", "replace").replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
