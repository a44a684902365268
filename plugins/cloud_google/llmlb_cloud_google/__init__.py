"""Google's models behind the prefix ``google:``: where their API is, which variables hold its key, what tokens cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmlb_core import Cloud


@hookimpl
def llmlb_clouds() -> Iterable[Cloud]:
    """Contribute the provider ``google``."""
    from llmlb_cloud_google.prices import PRICES
    from llmlb_core import Cloud

    return [
        Cloud(
            name="google",
            dialect="google",
            base_url="https://generativelanguage.googleapis.com/v1beta",
            key_env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
            base_url_env=("GOOGLE_API_BASE_URL", "GOOGLE_BASE_URL"),
            timeout_env=("GOOGLE_TIMEOUT_SECS",),
            prices=PRICES,
            signup_url="https://aistudio.google.com/apikey",
        )
    ]
