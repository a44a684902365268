"""The default router ``auto``, ``latency`` and ``weighted``, and their parts for routers of your own.

``paces`` and ``failing`` learn from calls that ended, ``waits`` and ``gpu`` are scorers, ``weighted`` is a picker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl
from llmlb_router_auto.settings import AutoSettings

if TYPE_CHECKING:
    from llmlb_core import Feedback, Filter, Observer, Picker, Plugin, Router, Scorer


class RouterAutoPlugin:
    """One server's routers: what they learn is shared among them."""

    def __init__(self, plugin: Plugin) -> None:
        """Make the parts, which know nothing yet."""
        from llmlb_router_auto.parts import AutoParts

        settings = plugin.settings if isinstance(plugin.settings, AutoSettings) else AutoSettings()
        self._parts = AutoParts(settings)

    @staticmethod
    @hookimpl
    def llmlb_settings() -> type:
        """Name the class of ``[plugins.router_auto]``."""
        return AutoSettings

    @hookimpl
    def llmlb_routers(self) -> Iterable[Router | Filter | Scorer | Picker]:
        """Contribute the routers and their parts."""
        return (*self._parts.routers, *self._parts.filters, *self._parts.scorers, *self._parts.pickers)

    @hookimpl
    def llmlb_observers(self) -> Iterable[Observer | Feedback]:
        """Contribute what learns."""
        return self._parts.feedbacks
