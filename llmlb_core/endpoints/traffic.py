"""Health by traffic alone: of servers that cannot be asked, or are not to be asked.

Failures in a row take such a server out of routing for a while; then calls try it again, and the first that goes well brings it
back. Nothing here costs anything for servers that are looked at.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from datetime import UTC, datetime

import attrs

from llmlb_core.domain.registration import EndpointStatus, HealthCheck
from llmlb_core.endpoints.news import News
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.registry import EndpointRegistry
from llmlb_core.endpoints.states import MOST_BACK_OFF, after_failure, after_success
from llmlb_core.errors import CallError, EndpointBusy

FAILURES = 5
"""In a row, until a server is left alone."""
PAUSE_S = 5.0
"""For so long at first; each time twice as long, up to 8 ×."""


class TrafficHealth:
    """Learns from calls how servers are."""

    def __init__(self, registry: EndpointRegistry, news: News, *, pause_s: float = PAUSE_S) -> None:
        """Bring what is learnt to *registry*, and tell *news* of changes."""
        self._registry = registry
        self._news = news
        self._pause_s = pause_s
        self._timers: dict[RegisteredEndpoint, asyncio.TimerHandle] = {}

    def watch(self, endpoint: RegisteredEndpoint) -> None:
        """Learn from the calls of *endpoint* from now on."""
        endpoint.on_outcome = lambda committed: self._ended(endpoint, committed)

    def forget(self, endpoint: RegisteredEndpoint) -> None:
        """Learn no more from *endpoint*."""
        endpoint.on_outcome = None
        timer = self._timers.pop(endpoint, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        """Forget everything."""
        for endpoint in [*self._timers]:
            self.forget(endpoint)

    def _ended(self, endpoint: RegisteredEndpoint, committed: Future[None]) -> None:
        if endpoint.on_outcome is None or endpoint.is_removed or committed.cancelled():
            return
        error = committed.exception()
        if error is None:
            self._went_well(endpoint)
        elif isinstance(error, CallError) and error.is_retryable and error.status >= 500 and _is_about_it(error):
            self._failed(endpoint, error)

    def _went_well(self, endpoint: RegisteredEndpoint) -> None:
        before = endpoint.condition
        if before.status is EndpointStatus.ONLINE and not before.error_count:
            return  # the usual case: nothing to tell
        self._registry.seen(endpoint, after_success(before, _now(), None))
        self._tell(endpoint, before.status, None)

    def _failed(self, endpoint: RegisteredEndpoint, error: CallError) -> None:
        before = endpoint.condition
        count = before.error_count + 1
        if count < FAILURES or before.status is EndpointStatus.OFFLINE:
            self._registry.seen(endpoint, attrs.evolve(before, error_count=count, last_error=error.message))
            return
        self._registry.seen(endpoint, attrs.evolve(after_failure(before, _now(), error.message), status=EndpointStatus.OFFLINE))
        self._tell(endpoint, before.status, error.message)
        pause_s = self._pause_s * min(MOST_BACK_OFF, 1 << min(count - FAILURES, 10))
        self._timers[endpoint] = asyncio.get_running_loop().call_later(pause_s, self._try_again, endpoint)

    def _try_again(self, endpoint: RegisteredEndpoint) -> None:
        """Let calls try it; its next failure takes it out again, for longer."""
        self._timers.pop(endpoint, None)
        if not endpoint.is_removed and endpoint.condition.status is EndpointStatus.OFFLINE:
            self._registry.seen(endpoint, attrs.evolve(endpoint.condition, status=EndpointStatus.PENDING))

    def _tell(self, endpoint: RegisteredEndpoint, before: EndpointStatus, error: str | None) -> None:
        after = endpoint.condition
        check = HealthCheck(endpoint.id, after.checked_at or _now(), error is None, None, error, before, after.status)
        self._news.checked(endpoint, check)


def _is_about_it(error: CallError) -> bool:
    """Whether *error* says something of the server as a whole: not that it is busy, or has one model no more."""
    return not isinstance(error, EndpointBusy) and error.code != "model_not_found"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
