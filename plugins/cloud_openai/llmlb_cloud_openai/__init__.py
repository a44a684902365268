"""OpenAI behind the prefix ``openai:``. Data only: the dialect is that of ``llmlb-dialect-openai``."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core import Cloud, Price, hookimpl

OPENAI = Cloud(
    name="openai",
    dialect="openai",
    base_url="https://api.openai.com",
    key_env=("OPENAI_API_KEY",),
    base_url_env=("OPENAI_BASE_URL",),
    timeout_env=("OPENAI_TIMEOUT_SECS",),
    # US dollars for a million tokens: read, written, read from a cache. Of models whose prices were public in 2025; those of later
    # ones belong into settings.
    prices={
        "gpt-5": Price(1.25, 10.0, 0.125),
        "gpt-5-mini": Price(0.25, 2.0, 0.025),
        "gpt-5-nano": Price(0.05, 0.4, 0.005),
        "gpt-4.1": Price(2.0, 8.0, 0.5),
        "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
        "gpt-4.1-nano": Price(0.1, 0.4, 0.025),
        "gpt-4o": Price(2.5, 10.0, 1.25),
        "gpt-4o-mini": Price(0.15, 0.6, 0.075),
        "o3": Price(2.0, 8.0, 0.5),
        "o4-mini": Price(1.1, 4.4, 0.275),
        "text-embedding-3-small": Price(0.02, 0.0),
        "text-embedding-3-large": Price(0.13, 0.0),
    },
    signup_url="https://platform.openai.com/api-keys",
)


@hookimpl
def llmlb_clouds() -> Iterable[Cloud]:
    """Contribute OpenAI."""
    return [OPENAI]
