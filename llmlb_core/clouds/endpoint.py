"""One provider with one key: an endpoint as any other. Several keys are several endpoints, so that moving on is failover."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from llmlb_core.clouds.configured import ConfiguredCloud
from llmlb_core.clouds.rate_limits import RateLimits
from llmlb_core.clouds.refusals import read_error_of
from llmlb_core.contracts.endpoint import Result
from llmlb_core.contracts.server_dialect import ServerDialect
from llmlb_core.domain.calls import Call
from llmlb_core.endpoints.server import ServerEndpoint
from llmlb_core.upstream.exchange import Exchange
from llmlb_core.upstream.sweep import Sweep


class CloudEndpoint(ServerEndpoint):
    """A provider; models are named with its prefix, which it is not sent.

    Attributes:
        cloud: Which one.
        rate_limits: Its connections, and what the provider tells of the key's limits.
    """

    kind = "cloud"

    def __init__(self, cloud: ConfiguredCloud, key: str, number: int, sweep: Sweep) -> None:
        """Use *key*, the *number*-th of *cloud*, from 1."""
        self.name = f"cloud:{cloud.name}" if number == 1 else f"cloud:{cloud.name}/{number}"
        self.id = self.name
        self.cloud = cloud
        self.drops = cloud.settings.unsupported == "drop"
        self._dialect = cloud.dialect
        super().__init__(self.name, cloud.address, sweep, cloud.settings.timeouts, cloud.settings.max_in_flight)
        self._pool = self.rate_limits = RateLimits(cloud.address, sweep)
        self.carry(cloud.dialect.credential(key))
        self.passed_on = (*cloud.dialect.passed_on, *(name for name, _ in cloud.dialect.headers))
        self.pool.read_error = read_error_of(cloud.name, cloud.dialect)

    def speaks(self, dialect: str) -> bool:
        """The provider's own dialect."""
        return dialect == self._dialect.name

    def server_dialect(self) -> ServerDialect:
        """The provider's."""
        return self._dialect

    def leaves_out(self, call: Call, model: str) -> tuple[str, ...]:
        """What the provider's model does not know, where settings say that it is dropped."""
        return super().leaves_out(call, model.partition(":")[2])

    def relay(self, call: Call, model: str) -> Exchange:
        """Send it under the provider's name of the model."""
        return super().relay(call, model.partition(":")[2])

    def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Send it translated, under the provider's name of the model."""
        return super().open(call, model.partition(":")[2])

    def _path(self, route_path: str) -> str:
        """Return the route behind the root of the provider's API, which has the version."""
        return f"{self._base_path}{route_path.removeprefix('/v1')}"

    @property
    def _root(self) -> str:
        """As it was configured."""
        return self._base_path

    def _passed(self, headers: Mapping[str, str], more: Sequence[str] | None = None) -> bytes:
        """Return the client's, and those of the dialect's own that it did not send."""
        if more is None:
            headers = {**dict(self._dialect.headers), **headers}
        return super()._passed(headers, more)
