"""Another llmlb as an endpoint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import EndpointKind


@hookimpl
def llmlb_endpoints() -> Iterable[EndpointKind]:
    """Contribute the kind ``llmlb``."""
    from llmlb_endpoint_llmlb.node import Node

    return [Node()]
