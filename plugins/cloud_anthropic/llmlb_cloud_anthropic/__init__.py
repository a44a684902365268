"""Anthropic behind the prefix ``anthropic:``. Data only: the dialect is that of ``llmlb-dialect-anthropic``."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core import Cloud, Price, hookimpl

ANTHROPIC = Cloud(
    name="anthropic",
    aliases=("ahtnorpic",),  # as an older server wrote it (4b6e9f2a-F1)
    dialect="anthropic",
    base_url="https://api.anthropic.com",
    key_env=("ANTHROPIC_API_KEY",),
    base_url_env=("ANTHROPIC_API_BASE_URL", "ANTHROPIC_BASE_URL"),
    timeout_env=("ANTHROPIC_TIMEOUT_SECS",),
    # US dollars for a million tokens: read, written, read from a cache, put into one (for five minutes). Of the models whose prices
    # were public in 2025; those of later ones belong into settings.
    prices={
        "claude-opus-4-5": Price(5.0, 25.0, 0.5, 6.25),
        "claude-sonnet-4-5": Price(3.0, 15.0, 0.3, 3.75),
        "claude-haiku-4-5": Price(1.0, 5.0, 0.1, 1.25),
        "claude-opus-4-1": Price(15.0, 75.0, 1.5, 18.75),
        "claude-opus-4-2025": Price(15.0, 75.0, 1.5, 18.75),
        "claude-sonnet-4-2025": Price(3.0, 15.0, 0.3, 3.75),
        "claude-3-7-sonnet": Price(3.0, 15.0, 0.3, 3.75),
        "claude-3-5-haiku": Price(0.8, 4.0, 0.08, 1.0),
        "claude-3-haiku": Price(0.25, 1.25, 0.03, 0.3),
    },
    signup_url="https://console.anthropic.com/settings/keys",
)


@hookimpl
def llmlb_clouds() -> Iterable[Cloud]:
    """Contribute Anthropic."""
    return [ANTHROPIC]
