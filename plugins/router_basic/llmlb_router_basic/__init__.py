"""The plain routers: ``round_robin`` and ``least_in_flight``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Router


@hookimpl
def llmlb_routers() -> Iterable[Router]:
    """Contribute both."""
    from llmlb_router_basic.least_in_flight import LeastInFlight
    from llmlb_router_basic.round_robin import RoundRobin

    return [RoundRobin(), LeastInFlight()]
