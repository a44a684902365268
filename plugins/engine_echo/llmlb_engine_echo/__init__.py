"""A published fake engine: scripted, slow and faulty answers for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import Engine


@hookimpl
def llmlb_engines() -> Iterable[type[Engine]]:
    """Contribute the engine ``echo``."""
    from llmlb_engine_echo.engine import EchoEngine

    return [EchoEngine]
