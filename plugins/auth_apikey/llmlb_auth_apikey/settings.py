"""``[plugins.auth_apikey]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class ApiKeySettings:
    """How keys are kept in memory."""

    stale_hours: float = setting(
        24.0, "How long keys stay good while the database cannot be reached; after that every key is refused.", minimum=0.001
    )
    poll_s: float = setting(2.0, "How often changes made by other processes are looked for.", minimum=0.05, maximum=60)
