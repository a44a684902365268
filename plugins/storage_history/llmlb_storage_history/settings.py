"""``[plugins.storage_history]``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from llmlb_core import setting

MiB = 1024 * 1024


@frozen
class HistorySettings:
    """What is kept, and for how long."""

    days: float = setting(7.0, "How many days a call stays in the history.", minimum=0.01, maximum=36500)
    max_waiting_rows: int = setting(
        20_000,
        "How many calls wait in memory while the database cannot be written; further ones are lost and counted.",
        minimum=500,
    )
    bodies: Literal["none", "masked", "full"] = setting(
        "none",
        "What is kept of what calls say: nothing; its structure, with every text replaced by its length; or all of it.",
    )
    max_body_bytes: int = setting(1 * MiB, "Longer requests and answers are cut there.", minimum=1024, maximum=32 * MiB)
    max_held_body_bytes: int = setting(
        64 * MiB, "Bodies in memory, of running calls too; a call above it is kept without them and counted.", minimum=MiB
    )
    max_kept_body_bytes: int = setting(2048 * MiB, "All bodies in the database; the oldest go when there are more.", minimum=MiB)
