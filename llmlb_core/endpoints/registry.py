"""Every registered server, and which of them has which model, at this moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs
from attrs import field, frozen

from llmlb_core.contracts.endpoint_kind import EndpointKind
from llmlb_core.contracts.server_dialect import ServerDialect
from llmlb_core.domain.calls import Operation
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability
from llmlb_core.domain.registration import Condition, Registration
from llmlb_core.domain.remote import RemoteModel, Report
from llmlb_core.endpoints.offer import Offer, make_offer
from llmlb_core.endpoints.probe import UNKNOWN
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.settings.sections import EndpointSettings
from llmlb_core.upstream.address import Address
from llmlb_core.upstream.sweep import Sweep


@frozen(eq=False)
class Shared:
    """One model as all servers together have it.

    Attributes:
        target: All servers that have it.
        capabilities: What any of them can do with it.
        target_by_need: Those of them that can do one thing.
        responses_by_need: The same, of those that serve ``/v1/responses``; of those that may, where it is known of none.
    """

    target: Target
    capabilities: tuple[Capability, ...]
    target_by_need: Mapping[Capability, Target] = field(factory=dict)
    responses_by_need: Mapping[Capability, Target] = field(factory=dict)

    def fit(self, need: Capability, operation: Operation | None = None) -> Target | None:
        """Return the servers that can do *need*, and serve the route of *operation*; None where there is none."""
        return (self.responses_by_need if operation is Operation.RESPONSE else self.target_by_need).get(need)

    def is_like(self, other: Shared) -> bool:
        """Whether both say the same."""
        return (
            self.target.endpoints == other.target.endpoints
            and self.capabilities == other.capabilities
            and _endpoints(self.target_by_need) == _endpoints(other.target_by_need)
            and _endpoints(self.responses_by_need) == _endpoints(other.responses_by_need)
        )


@frozen(eq=False)
class Snapshot:
    """What was registered at one moment. Immutable: reading it never waits, and a change makes another one."""

    endpoints: tuple[RegisteredEndpoint, ...] = ()
    endpoint_by_id: Mapping[str, RegisteredEndpoint] = field(factory=dict)
    endpoints_by_model: Mapping[str, tuple[RegisteredEndpoint, ...]] = field(factory=dict)


class EndpointRegistry:
    """The servers of the settings file and of the database. Everything here happens on the event loop, without an await.

    Attributes:
        snapshot: What is registered now; replaced as a whole.
        on_routable: Called with a server that takes calls again, or more of them: somebody may be waiting for it.
        on_unroutable: Called with a server that takes no calls any more, or for another reason than before.
        on_models: Called when which servers have which model has changed.
        server_dialects: What calls can be translated to, by name.
    """

    def __init__(self, sweep: Sweep, kinds: Mapping[str, EndpointKind]) -> None:
        """Begin empty; *kinds* are those of active plugins, by name, and may change."""
        self._sweep = sweep
        self._kinds = kinds
        self._shared: dict[str, Shared] = {}
        self._retired: list[RegisteredEndpoint] = []
        self.snapshot = Snapshot()
        self.server_dialects: Mapping[str, ServerDialect] = {}
        self.on_routable: list[Callable[[RegisteredEndpoint], None]] = []
        self.on_unroutable: list[Callable[[RegisteredEndpoint], None]] = []
        self.on_models: list[Callable[[], None]] = []

    @property
    def kinds(self) -> Mapping[str, EndpointKind]:
        """Installed kinds, by name."""
        return self._kinds

    def find(self, endpoint_id: str) -> RegisteredEndpoint | None:
        """Return the server of this id."""
        return self.snapshot.endpoint_by_id.get(endpoint_id)

    def named(self, name: str) -> RegisteredEndpoint | None:
        """Return the server of this name."""
        return next((each for each in self.snapshot.endpoints if each.name == name), None)

    def shared(self, model: str) -> Shared | None:
        """Return *model* as all servers together have it; made on the first call, then a look into a dict."""
        known = self._shared.get(model)
        if known is not None:
            return known
        endpoints = self.snapshot.endpoints_by_model.get(model)
        if endpoints is None:
            return None
        made = self._shared[model] = _share(model, endpoints)
        return made

    def add(
        self,
        registration: Registration,
        address: Address,
        settings: EndpointSettings | None = None,
        *,
        condition: Condition | None = None,
        listed: Sequence[RemoteModel] = (),
        listed_at: datetime | None = None,
    ) -> RegisteredEndpoint:
        """Take a server in; calls can be sent to it when it has models.

        Args:
            registration: What was said of it; its name and id are nobody's else.
            address: Where it is.
            settings: Time limits.
            condition: How it was, as far as that is known.
            listed: What it listed before.
            listed_at: When.
        """
        endpoint = RegisteredEndpoint(registration, settings or EndpointSettings(), address, self._sweep)
        endpoint.find_dialect = self._dialect
        endpoint.recognised(self.kind(registration.kind))
        endpoint.seen(condition or Condition(), None)
        endpoint.listed_at = listed_at
        offer = make_offer(registration, listed, {})
        endpoint.offers(listed, offer)
        self._replace((*self.snapshot.endpoints, endpoint), endpoint, offer.changed)
        return endpoint

    def change(self, endpoint: RegisteredEndpoint, registration: Registration, offer: Offer | None = None) -> None:
        """Take what an operator changed. Calls that run, and those that wait, go on.

        Args:
            endpoint: What is changed.
            registration: What is said of it now.
            offer: What that comes to, where it was prepared; it is of use only while nothing else changed.
        """
        before = endpoint.max_in_flight, endpoint.unroutable_reason
        kind_before = endpoint.registration.kind
        endpoint.redescribe(registration)
        if registration.kind != kind_before:
            endpoint.recognised(self.kind(registration.kind))
        self._offer(endpoint, endpoint.listed, offer)
        self._tell(endpoint, before)

    def remove(self, endpoint: RegisteredEndpoint) -> None:
        """Send nothing more there. Calls that run finish; then its connections are closed."""
        endpoint.removed()
        left = tuple(each for each in self.snapshot.endpoints if each is not endpoint)
        self._replace(left, endpoint, frozenset(endpoint.served))
        self._retired.append(endpoint)
        self.close_retired()

    def recognised(self, endpoint: RegisteredEndpoint, kind: EndpointKind) -> None:
        """Take what a server was recognised as."""
        before = endpoint.max_in_flight, endpoint.unroutable_reason
        endpoint.registration = attrs.evolve(endpoint.registration, kind=kind.name)
        endpoint.recognised(kind)
        self._tell(endpoint, before)

    def seen(self, endpoint: RegisteredEndpoint, condition: Condition, report: Report | None = None) -> None:
        """Take how a server is."""
        before = endpoint.max_in_flight, endpoint.unroutable_reason
        flag_before = endpoint.condition.supports_responses
        endpoint.seen(condition, report)
        if condition.supports_responses is not flag_before:
            self._replace(self.snapshot.endpoints, endpoint, frozenset(self._shared.keys() & endpoint.served.keys()))
        self._tell(endpoint, before)

    def lists(
        self, endpoint: RegisteredEndpoint, models: Sequence[RemoteModel], listed_at: datetime, offer: Offer | None = None
    ) -> None:
        """Take what a server lists; *offer* is what that comes to, where it was prepared."""
        before = endpoint.max_in_flight, endpoint.unroutable_reason
        endpoint.listed_at = listed_at
        self._offer(endpoint, models, offer)
        self._tell(endpoint, before)

    def kind(self, name: str | None) -> EndpointKind:
        """Return the installed kind of this name, else the one that stands for what nobody recognises."""
        return self._kinds.get(name or "", UNKNOWN)

    def _dialect(self, name: str) -> ServerDialect | None:
        return self.server_dialects.get(name)

    def close_retired(self) -> None:
        """Close removed servers on which nothing runs any more."""
        for endpoint in [each for each in self._retired if not each.in_flight]:
            self._retired.remove(endpoint)
            endpoint.close()

    def close(self) -> None:
        """Close every connection."""
        for endpoint in (*self.snapshot.endpoints, *self._retired):
            endpoint.close()
        self._retired.clear()

    def _offer(self, endpoint: RegisteredEndpoint, models: Sequence[RemoteModel], offer: Offer | None) -> None:
        if offer is None or offer.said is not endpoint.registration:
            offer = make_offer(endpoint.registration, models, endpoint.served)
        endpoint.offers(models, offer)
        self._replace(self.snapshot.endpoints, endpoint, offer.changed)

    def _replace(self, endpoints: tuple[RegisteredEndpoint, ...], endpoint: RegisteredEndpoint, changed: frozenset[str]) -> None:
        """Make the snapshot of *endpoints*, where *endpoint* offers something else under the names *changed*."""
        by_model = dict(self.snapshot.endpoints_by_model)
        is_in = not endpoint.is_removed
        alone, served = (endpoint,), endpoint.served if is_in else {}
        for model in changed:
            found = by_model.get(model)
            if found is None:  # the usual case, and of some servers ten thousand times in a row
                if model in served:
                    by_model[model] = alone
                continue
            others = tuple([each for each in found if each is not endpoint])
            if model in served:
                by_model[model] = found if len(others) < len(found) else (*others, endpoint)
            elif others:
                by_model[model] = others
            else:
                by_model.pop(model, None)
            # Targets of models that did not change stay the same objects: routers remember turns by them.
            known = self._shared.pop(model, None)
            if known is not None and model in by_model:
                made = _share(model, by_model[model])
                self._shared[model] = known if made.is_like(known) else made
        self.snapshot = Snapshot(endpoints, {each.id: each for each in endpoints}, by_model)
        if changed:
            for callback in self.on_models:
                callback()

    def _tell(self, endpoint: RegisteredEndpoint, before: tuple[int, str | None]) -> None:
        """Tell those who care for whoever waits: *endpoint* takes more than before, or nothing any more."""
        limit, reason = before
        if endpoint.unroutable_reason is None and (reason is not None or endpoint.max_in_flight > limit):
            for callback in self.on_routable:
                callback(endpoint)
        elif endpoint.unroutable_reason not in (None, reason):
            for callback in self.on_unroutable:
                callback(endpoint)


def _capabilities(model: str, endpoints: Sequence[RegisteredEndpoint]) -> tuple[Capability, ...]:
    return tuple(dict.fromkeys(each for endpoint in endpoints for each in endpoint.served[model].capabilities))


def _endpoints(targets: Mapping[Capability, Target]) -> dict[Capability, tuple[object, ...]]:
    return {need: target.endpoints for need, target in targets.items()}


def _share(model: str, endpoints: tuple[RegisteredEndpoint, ...]) -> Shared:
    capabilities = _capabilities(model, endpoints)
    # The same servers are the same target, whatever they are asked for: routers remember turns by it.
    targets = {endpoints: Target(model, endpoints)}

    def by_need(among: Sequence[RegisteredEndpoint]) -> dict[Capability, Target]:
        able = {need: tuple(each for each in among if need in each.served[model].capabilities) for need in capabilities}
        return {need: targets.setdefault(found, Target(model, found)) for need, found in able.items() if found}

    serves = [(each, each.serves_responses(model)) for each in endpoints]
    responding = [each for each, does in serves if does] or [each for each, does in serves if does is None]
    return Shared(targets[endpoints], capabilities, by_need(endpoints), by_need(responding))
