"""Who is told what is seen of servers."""

from __future__ import annotations

from typing import Protocol

from llmlb_core.domain.registration import HealthCheck
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.sync import Synced


class News(Protocol):
    """Who is told what was seen. Sync, and quick: it may keep it for later."""

    def checked(self, endpoint: RegisteredEndpoint, check: HealthCheck) -> None:
        """A server was looked at."""

    def recognised(self, endpoint: RegisteredEndpoint) -> None:
        """It was found to be of a kind."""

    def synced(self, endpoint: RegisteredEndpoint, synced: Synced) -> None:
        """It listed its models."""
