"""Bodies of ``multipart/form-data``, as far as dialects look at them."""

from __future__ import annotations

from attrs import field, frozen

from llmlb_core.domain.media import Blob


@frozen
class FormFile:
    """One uploaded file.

    Attributes:
        name: Of the field.
        filename: As the client named it; never a path to be opened.
        content_type: As the client said; empty where it said nothing.
    """

    name: str
    filename: str
    content_type: str
    blob: Blob = field(repr=False)


@frozen
class Form:
    """All of a form, in the order it came.

    Attributes:
        fields: Names and values; a name may come more than once.
    """

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[FormFile, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How many bytes its values and files are."""
        return sum(len(value) for _, value in self.fields) + sum(file.blob.size_bytes for file in self.files)

    def text(self, name: str) -> str | None:
        """Return the value of the last field *name*."""
        return next((value for each, value in reversed(self.fields) if each == name), None)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of all fields *name*, and of ``name[]``."""
        return tuple(value for each, value in self.fields if each in (name, f"{name}[]"))

    def file(self, name: str) -> FormFile | None:
        """Return the last file *name*."""
        return next((each for each in reversed(self.files) if each.name == name), None)
