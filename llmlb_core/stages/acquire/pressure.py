"""How full the queue is, in one word (35375000-F3)."""

from __future__ import annotations

from enum import StrEnum

from llmlb_core.settings.sections import AdmissionSettings


class Pressure(StrEnum):
    """What the load status calls it. Whether a call may wait at all is decided by counts, not by this word."""

    NORMAL = "normal"
    WARNING = "warning"
    OVERLOADED = "overloaded"


def load_ratio(waiting_count: int, settings: AdmissionSettings) -> float:
    """Return which share of the queue is taken; 0 where there is none."""
    return waiting_count / settings.queue_size if settings.queue_size else 0.0


def pressure_of(waiting_count: int, settings: AdmissionSettings) -> Pressure:
    """Return the word for *waiting_count* calls that wait."""
    ratio = load_ratio(waiting_count, settings)
    if ratio >= settings.overload_0_1:
        return Pressure.OVERLOADED
    return Pressure.WARNING if ratio >= settings.warning_0_1 else Pressure.NORMAL
