"""The router ``tps``: whoever generates fastest, learned by endpoint, model and modality."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Feedback, Observer, Plugin, Router, Scorer


class RouterTpsPlugin:
    """What the router learns is one object."""

    def __init__(self, plugin: Plugin) -> None:
        """Know nothing yet."""
        from llmlb_router_tps.speeds import Speeds

        del plugin
        self._speeds = Speeds()

    @hookimpl
    def llmlb_routers(self) -> Iterable[Router | Scorer]:
        """Contribute the router and its scorer."""
        from llmlb_core import Composed, InFlight, Rank, Rotation
        from llmlb_router_tps.scorer import EQUAL, TokenSeconds

        scorer = TokenSeconds(self._speeds)
        self._speeds.serves = (scorer,)
        return Composed("tps", (), (Rank(scorer, tolerance=EQUAL), Rank(InFlight())), Rotation()), scorer

    @hookimpl
    def llmlb_observers(self) -> Iterable[Observer | Feedback]:
        """Contribute what learns."""
        return (self._speeds,)
