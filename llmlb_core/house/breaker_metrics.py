"""Circuit breakers as measurements."""

from __future__ import annotations

from itertools import islice

from llmlb_core.domain.breaker import BreakerState
from llmlb_core.endpoints.breakers import Breakers
from llmlb_core.telemetry.metrics import Metrics

MOST_SHOWN = 1000


def watch_breakers(metrics: Metrics, breakers: Breakers) -> None:
    """Show which breakers are not closed, and how often one opened; a breaker that is closed and quiet is not there."""

    def states() -> dict[tuple[str, ...], float]:
        shown = ((endpoint.name, model, str(each.state)) for endpoint, model, each in breakers.all() if _is_told(each.state))
        return dict.fromkeys(islice(shown, MOST_SHOWN), 1.0)

    def opened() -> dict[tuple[str, ...], float]:
        return {(name,): float(count) for name, count in breakers.opened_counts.items()}

    labels = ("endpoint", "model", "state")
    metrics.watch("endpoint_breaker_state", "gauge", "1 for each circuit breaker that is not closed, by its state.", states, labels)
    metrics.watch("endpoint_breaker_openings", "counter", "How often a circuit breaker opened.", opened, ("endpoint",))


def _is_told(state: BreakerState) -> bool:
    return state is not BreakerState.CLOSED
