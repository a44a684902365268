"""What can go wrong in a bench."""

from __future__ import annotations


class BenchError(Exception):
    """The bench cannot go on; the message says what was seen and what to do."""


class MeasurementFailed(BenchError):
    """One measurement is invalid: a call failed, an answer was wrong, or the server did not start."""
