"""Google's Gemini API behind every client: canonical requests are written for it, and its answers read.

``dialect`` is the contract; ``encode`` writes bodies, ``read`` takes answers, streamed and plain, ``refusal`` errors.
The reference is Google's public API, https://ai.google.dev/api; what is written here is valid by the types of its SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmlb_core import ServerDialect


@hookimpl
def llmlb_dialects() -> Iterable[ServerDialect]:
    """Contribute the dialect ``google``."""
    from llmlb_dialect_google.dialect import GoogleDialect

    return [GoogleDialect()]
