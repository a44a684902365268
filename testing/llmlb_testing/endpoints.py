"""Endpoints that are only counted."""

from __future__ import annotations

from collections.abc import AsyncIterator

from llmlb_core import Call, Endpoint, EndpointFacts, Result


class FakeEndpoint(Endpoint):
    """An endpoint that is only counted; it refuses to be counted wrongly."""

    kind = "fake"

    def __init__(self, endpoint_id: str, limit: int = 1) -> None:
        """Have *limit* slots."""
        self.id = self.name = endpoint_id
        self.limit = limit
        self.reason: str | None = None
        self.served_count = 0
        self._in_flight = 0
        self._facts: EndpointFacts | None = None

    @property
    def facts(self) -> EndpointFacts | None:
        """What its last health check told; setting it sets ``gpu_facts`` too, so that no test forgets that."""
        return self._facts

    @facts.setter
    def facts(self, facts: EndpointFacts | None) -> None:
        self._facts = facts
        self.gpu_facts = facts if facts is not None and facts.tells_gpu else None

    @property
    def in_flight(self) -> int:
        """Calls that hold a lease here."""
        return self._in_flight

    @in_flight.setter
    def in_flight(self, value: int) -> None:
        assert value >= 0, f"{self.id}: more leases were given back than given"
        if value > self._in_flight:
            assert value <= self.limit, f"{self.id}: {value} leases, {self.limit} slots"
            assert self.reason is None, f"{self.id}: a lease of an endpoint that is not routable"
            self.served_count += 1
        self._in_flight = value

    @property
    def max_in_flight(self) -> int:
        """How many may."""
        return self.limit

    @property
    def unroutable_reason(self) -> str | None:
        """What a test says."""
        return self.reason

    def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Nothing is served here."""
        raise NotImplementedError
