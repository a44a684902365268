"""What the health watch sees, on its way to the log and to the database."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.domain.registration import HealthCheck
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.sync import Synced
from llmlb_core.house.endpoint_records import EndpointRecords
from llmlb_core.telemetry.log import get_logger

_log = get_logger("endpoints")


@frozen
class EndpointNews:
    """``endpoints.health.News``: keeps what is seen, and logs what changed."""

    _records: EndpointRecords

    def checked(self, endpoint: RegisteredEndpoint, check: HealthCheck) -> None:
        """Keep a look at a server; log it where it changed the server's state."""
        self._records.put_check(check)
        if not endpoint.registration.is_read_only:
            self._records.put_condition(endpoint.id, endpoint.condition)
        if check.status_before is not check.status_after:
            write = _log.info if check.success else _log.warning
            reason = {} if check.error is None else {"reason": check.error}
            write(
                "endpoint_state",
                endpoint=endpoint.name,
                before=check.status_before.value,
                after=check.status_after.value,
                **reason,
            )

    def recognised(self, endpoint: RegisteredEndpoint) -> None:
        """Keep what a server is."""
        if not endpoint.registration.is_read_only:
            self._records.put_kind(endpoint.id, endpoint.kind)
        _log.info("endpoint_recognised", endpoint=endpoint.name, kind=endpoint.kind)

    def synced(self, endpoint: RegisteredEndpoint, synced: Synced) -> None:
        """Keep what a server lists, where that is new."""
        if not endpoint.registration.is_read_only:
            if synced.is_news and endpoint.listed_at is not None:
                self._records.put_models(endpoint.id, endpoint.listed, endpoint.listed_at)
            self._records.put_condition(endpoint.id, endpoint.condition)
        if synced.added or synced.removed or synced.updated or synced.refused_count:
            _log.info(
                "models_listed",
                endpoint=endpoint.name,
                models=len(synced.models),
                added=len(synced.added),
                removed=len(synced.removed),
                updated=len(synced.updated),
                refused=synced.refused_count,
                refused_names=[each.name for each in synced.refused[:3]],
            )
