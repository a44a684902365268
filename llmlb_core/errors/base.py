"""The root of every error that llmlb raises on purpose."""

from __future__ import annotations


class LLMLBError(Exception):
    """Base of everything llmlb raises on purpose.

    Args:
        message: One or more full sentences for a person.
    """

    def __init__(self, message: str) -> None:
        """Keep *message* as the exception's text."""
        super().__init__(message)
        self.message = message
