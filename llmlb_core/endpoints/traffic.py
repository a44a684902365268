"""The status of servers that cannot be asked how they are, or are not to be asked: what their breakers say.

Nothing is learnt here, and nothing is kept out of routing: breakers do both. This only brings their state to where operators
look for the state of a server.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from llmlb_core.contracts.endpoint import Endpoint
from llmlb_core.domain.breaker import Breaker, BreakerState
from llmlb_core.domain.registration import Condition, EndpointStatus, HealthCheck
from llmlb_core.endpoints.breakers import Breakers
from llmlb_core.endpoints.news import News
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry
from llmlb_core.endpoints.states import after_success


class TrafficHealth:
    """Shows what breakers learn from calls as the status of servers."""

    def __init__(self, registry: EndpointRegistry, news: News, breakers: Breakers) -> None:
        """Bring what *breakers* say to *registry*, and tell *news* of changes."""
        self._registry = registry
        self._news = news
        self._breakers = breakers
        breakers.on_change.append(self._changed)

    def watch(self, endpoint: RegisteredEndpoint) -> None:
        """Let the calls of *endpoint* say how it is from now on."""
        if not endpoint.is_judged_by_traffic:
            endpoint.is_judged_by_traffic = True
            self._registry.seen(endpoint, endpoint.condition)
        if endpoint.condition.status is not EndpointStatus.ONLINE:
            self._breakers.tell_success(endpoint, lambda: self._went_well(endpoint))

    def forget(self, endpoint: RegisteredEndpoint) -> None:
        """Let them say so no more."""
        self._breakers.forget(endpoint)
        if endpoint.is_judged_by_traffic:
            endpoint.is_judged_by_traffic = False
            self._registry.seen(endpoint, endpoint.condition)

    def _went_well(self, endpoint: RegisteredEndpoint) -> None:
        if endpoint.is_judged_by_traffic and not endpoint.is_removed:
            self._show(endpoint, after_success(endpoint.condition, _now(), None), None)

    def _changed(self, endpoint: Endpoint, _model: str, breaker: Breaker) -> None:
        if not isinstance(endpoint, RegisteredEndpoint) or not endpoint.is_judged_by_traffic or endpoint.is_removed:
            return
        if breaker.state is BreakerState.HALF_OPEN and breaker.probe is not None:
            return  # one call tries it; how that ends will tell
        before, status = endpoint.condition, _status(endpoint)
        if status is EndpointStatus.ONLINE:
            self._show(endpoint, after_success(before, _now(), None), None)
        else:
            count, error = breaker.failure_count, breaker.last_error
            after = attrs.evolve(before, status=status, checked_at=_now(), error_count=count, last_error=error)
            self._show(endpoint, after, error)

    def _show(self, endpoint: RegisteredEndpoint, after: Condition, error: str | None) -> None:
        before = endpoint.condition.status
        self._registry.seen(endpoint, after)
        if after.status is before:
            return
        check = HealthCheck(endpoint.id, after.checked_at or _now(), error is None, None, error, before, after.status)
        self._news.checked(endpoint, check)


def _status(endpoint: RegisteredEndpoint) -> EndpointStatus:
    """Return ``offline`` where every model's breaker is open, ``error`` where one's is, ``pending`` while one is tried again."""
    states = [each.state for each in (endpoint.tripped or {}).values() if each.state is not BreakerState.COOLING_DOWN]
    open_count = states.count(BreakerState.OPEN)
    if open_count:
        return EndpointStatus.OFFLINE if open_count >= len(endpoint.served) else EndpointStatus.ERROR
    return EndpointStatus.PENDING if states else EndpointStatus.ONLINE


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
