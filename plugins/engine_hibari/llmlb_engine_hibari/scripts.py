"""What an English voice can read."""

from __future__ import annotations

import unicodedata

from llmlb_core.errors import InvalidRequest

_READ = ("LATIN ", "FEMININE ORDINAL", "MASCULINE ORDINAL", "MICRO SIGN", "KELVIN SIGN", "ANGSTROM SIGN")


def check_script(text: str) -> None:
    """Refuse text in another script than Latin: the voice would leave it out, or spell it.

    Raises:
        InvalidRequest: Names the first letter that cannot be read.
    """
    for letter in text:
        if letter.isalpha() and not letter.isascii():
            name = unicodedata.name(letter, "an unnamed letter")
            if not name.startswith(_READ):
                raise InvalidRequest(
                    f"This voice speaks English, and the text has {letter!r} ({name}). Choose a model for its language.",
                    param="input",
                    code="unsupported_language",
                )
