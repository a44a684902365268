"""Anthropic's Messages API, in front of every model and behind: clients that speak it, and servers that do.

``dialect`` is what clients speak: ``decode`` reads bodies and checks them, ``render`` writes answers, ``stream`` reads those of
servers that pass. ``server`` is the other half: canonical requests written for servers that speak it. The reference is Anthropic's
public API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmlb_core import Dialect, ServerDialect


@hookimpl
def llmlb_dialects() -> Iterable[Dialect | ServerDialect]:
    """Contribute the dialect ``anthropic``, both ways."""
    from llmlb_dialect_anthropic.dialect import AnthropicDialect
    from llmlb_dialect_anthropic.server.dialect import AnthropicServerDialect

    return [AnthropicDialect(), AnthropicServerDialect()]
