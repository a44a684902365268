"""What tokens cost: paid tier, text, prompts of up to 200,000 tokens.

As https://ai.google.dev/gemini-api/docs/pricing said in October 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmlb_core import Price

PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "gemini-3.8-flash": Price(0.75, 3.75),  # until the end of 2026
        "gemini-3.5-flash-lite": Price(0.30, 2.50),
        "gemini-3.5-flash": Price(1.50, 9.00),
        "gemini-3.1-pro": Price(2.00, 12.00, cached=0.20),
        "gemini-2.5-pro": Price(1.25, 10.00, cached=0.125),
        "gemini-2.5-flash-lite": Price(0.10, 0.40, cached=0.01),
        "gemini-2.5-flash": Price(0.30, 2.50, cached=0.03),
        "gemini-embedding-2": Price(0.20, 0.0),
        "gemini-embedding-001": Price(0.15, 0.0),
        "gemma-4": Price(0.0, 0.0),
    }
)
"""By the beginning of a model's name. Those of cached tokens only where they are known."""
