"""The router ``prefix``: a prompt goes where its beginning was read already, unless too much runs there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl
from llmlb_router_prefix.settings import PrefixRouterSettings

if TYPE_CHECKING:
    from llmlb_core import Filter, Plugin, Router, Scorer


class RouterPrefixPlugin:
    """The memory of prompts is one object."""

    def __init__(self, plugin: Plugin) -> None:
        """Take the bounds from settings."""
        own = plugin.settings
        self._settings = own if isinstance(own, PrefixRouterSettings) else PrefixRouterSettings()

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.router_prefix]``."""
        return PrefixRouterSettings

    @hookimpl
    def llmlb_routers(self) -> Iterable[Router | Filter | Scorer]:
        """Contribute the router and its parts."""
        from llmlb_core import Composed, InFlight, Rank, Rotation
        from llmlb_router_prefix.blocks import Blocks
        from llmlb_router_prefix.index import PrefixIndex
        from llmlb_router_prefix.parts import EQUAL, InBalance, Prefill

        settings = self._settings
        balance = InBalance(settings.imbalance_count, settings.imbalance_ratio)
        prefill = Prefill(Blocks(), PrefixIndex(settings.memory_bytes))
        return Composed("prefix", (balance,), (Rank(prefill, tolerance=EQUAL), Rank(InFlight())), Rotation()), balance, prefill
