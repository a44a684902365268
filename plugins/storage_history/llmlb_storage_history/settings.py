"""``[plugins.storage_history]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class HistorySettings:
    """What is kept, and for how long."""

    days: float = setting(7.0, "How many days a call stays in the history.", minimum=0.01, maximum=36500)
    max_waiting_rows: int = setting(
        20_000,
        "How many calls wait in memory while the database cannot be written; further ones are lost and counted.",
        minimum=500,
    )
