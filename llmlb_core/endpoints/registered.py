"""A registered server in use: what was said of it, what it serves, how it is, all on the object that calls are sent through."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs

from llmlb_core.contracts.endpoint_kind import Continuation, EndpointKind
from llmlb_core.contracts.server_dialect import ServerDialect
from llmlb_core.domain.calls import Call
from llmlb_core.domain.facts import EndpointFacts
from llmlb_core.domain.registration import Condition, EndpointStatus, Registration, ServedModel
from llmlb_core.domain.remote import RemoteModel, Report
from llmlb_core.endpoints.offer import Offer
from llmlb_core.endpoints.probe import UNKNOWN
from llmlb_core.endpoints.server import ServerEndpoint
from llmlb_core.errors import CallError
from llmlb_core.settings.sections import EndpointSettings, TimeoutSettings
from llmlb_core.upstream.address import Address
from llmlb_core.upstream.sweep import Sweep

REMOVED = "was removed"
LOADING = "is still loading its model"
_DIALECT_BY_API = {"messages": "anthropic"}
"""Further dialects, by what lists of models call a route of theirs."""
_log = logging.getLogger("llmlb.endpoints")


class RegisteredEndpoint(ServerEndpoint):
    """One server. Whoever holds it sees every change at once: it is changed in place, so that running calls stay counted.

    Only the registry changes it, on the event loop.

    Attributes:
        max_in_flight: What the operator says, else the server, else its kind.
        unroutable_reason: None where calls may be sent there now. Clients may read it: no address, no secret.
        registration: What was said of it.
        kind_object: What it was recognised as; its name is ``kind``.
        condition: How it is.
        report: What its last health check told; None before.
        is_judged_by_traffic: Whether nothing is asked of its health: then its status is only shown, and breakers alone decide.
        listed: What it lists, as it says it.
        served: Models by name, after the operator's word.
        listed_at: When it listed them, as ``datetime``; None = never.
    """

    # Plain attributes instead of the contract's properties: read for every call.
    max_in_flight: int = 8
    unroutable_reason: str | None = None

    def __init__(self, registration: Registration, settings: EndpointSettings, address: Address, sweep: Sweep) -> None:
        """Describe the server at *address*; nothing is connected.

        Args:
            registration: What was said of it.
            settings: Time limits; the rest is taken from *registration*.
            address: Where it is.
            sweep: Closes what is idle.
        """
        self._address = address
        self._settings = settings
        self.find_dialect: Callable[[str], ServerDialect | None] = _no_dialect
        self._spoken: frozenset[str] = frozenset(settings.dialects)
        self.kind_object: EndpointKind = UNKNOWN
        self.condition = Condition()
        self.report: Report | None = None
        self.is_removed = False
        self.is_judged_by_traffic = False
        self.listed: tuple[RemoteModel, ...] = ()
        self.listed_at: datetime | None = None
        self.served: Mapping[str, ServedModel] = {}
        self._limit_by_models = 0
        self._begin(registration, settings, address, sweep)
        self._describe(registration)

    @property
    def address(self) -> Address:
        """Where it is."""
        return self._address

    @property
    def timeouts(self) -> TimeoutSettings:
        """The limits of its calls."""
        return _settings(self.registration, self._settings).timeouts

    def speaks(self, dialect: str) -> bool:
        """What its settings say, and what it says of all its models; OpenAI's where neither says anything."""
        return dialect in self._spoken

    def server_dialect(self) -> ServerDialect | None:
        """The first that it speaks."""
        return next(filter(None, map(self.find_dialect, self._settings.dialects)), None)

    def redescribe(self, registration: Registration) -> None:
        """Take what an operator changed, but for what it offers; calls that run keep what they began with."""
        pool = self._pool
        self._begin(registration, self._settings, self._address, self._sweep)
        self._pool = pool
        self._describe(registration)

    def recognised(self, kind: EndpointKind) -> None:
        """Take what it was recognised as."""
        self.kind_object = kind
        self._pool.read_error = self._read_error
        self.may_continue = type(kind).continue_body is not EndpointKind.continue_body
        self._weigh()

    def context_tokens(self, model: str) -> int | None:
        """What the server lists."""
        served = self.served.get(model)
        return None if served is None else served.context_tokens

    def continuation(self, call: Call, delivered: str) -> Continuation | None:
        """As its kind says."""
        version = None if self.report is None else self.report.version
        try:
            return self.kind_object.continue_body(call.route.path, call.body, delivered, version)
        except Exception:  # noqa: BLE001  # a plugin's code: what it does not know is not tried
            _log.exception("kind_raised", extra={"facts": {"endpoint": self.name, "kind": self.kind, "method": "continue_body"}})
            return None

    def serves_responses(self, model: str) -> bool | None:
        """Whether *model*, which it has, can be called by ``/v1/responses`` (24157000-F16, F19); None = nothing tells."""
        apis = self.served[model].apis
        if apis is not None and "responses" in apis:
            return True
        # What lists its models' routes and has no word on this one has said it.
        return self.condition.supports_responses if apis is None else bool(self.condition.supports_responses)

    def seen(self, condition: Condition, report: Report | None) -> None:
        """Take how it is; *report* None = nothing was told, the last report stays while the server is well."""
        self.condition = condition
        if report is not None:
            self.report = report
            self.facts = facts = _facts(report, condition.latency_ms)
            self.gpu_facts = facts if facts.tells_gpu else None
        self._weigh()

    def offers(self, models: Sequence[RemoteModel], offer: Offer) -> None:
        """Take what it lists, and what that comes to."""
        self.listed = tuple(models)
        self.served = offer.models
        self.models = tuple(offer.models)
        self._spoken = frozenset((*self._settings.dialects, *_also_spoken(offer.models)))
        self._limit_by_models = max((model.max_in_flight or 0 for model in self.listed), default=0)
        self._weigh()

    def removed(self) -> None:
        """Take no more calls; those that run go on."""
        self.is_removed = True
        self._weigh()

    def _begin(self, said: Registration, settings: EndpointSettings, address: Address, sweep: Sweep) -> None:
        ServerEndpoint.__init__(self, said.name, address, sweep, _settings(said, settings).timeouts)
        if said.key:
            self.carry((("authorization", f"Bearer {said.key}"),))

    def _describe(self, registration: Registration) -> None:
        self.registration = registration
        self.id = registration.id
        self.models = tuple(self.served)
        self._weigh()

    def _weigh(self) -> None:
        """Say how much it takes, and whether it takes calls at all."""
        report, said = self.report, self.registration
        self.kind = self.kind_object.name
        told = report.max_in_flight if report is not None else None
        self.max_in_flight = said.max_in_flight or told or self._limit_by_models or self.kind_object.default_max_in_flight
        self.unroutable_reason = reason = self._reason()
        self.is_loading = reason is LOADING

    def _read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> CallError | None:
        try:
            return self.kind_object.read_error(status, headers, body)
        except Exception:  # noqa: BLE001  # a plugin's code: the status says enough
            _log.exception("kind_raised", extra={"facts": {"endpoint": self.name, "kind": self.kind, "method": "read_error"}})
            return None

    def _reason(self) -> str | None:
        said, status = self.registration, self.condition.status
        if self.is_removed:
            return REMOVED
        if said.key_problem is not None:
            return "has an API key that cannot be read; it must be given again"
        if status is EndpointStatus.OFFLINE and not self.is_judged_by_traffic:
            return "is offline"
        if status is EndpointStatus.ERROR and not self.is_judged_by_traffic:
            return "failed its last health check"
        if self.report is not None and self.report.is_loading:
            return LOADING
        # Not looked at yet: what was known of it is worth a try, and another endpoint is tried where it fails.
        return None


def _also_spoken(models: Mapping[str, ServedModel]) -> list[str]:
    """Return the dialects in which all of *models* can be called, by what their server lists."""
    apis = [model.apis or () for model in models.values()]
    return [dialect for api, dialect in _DIALECT_BY_API.items() if apis and all(api in each for each in apis)]


def _no_dialect(name: str) -> None:
    del name


def _settings(said: Registration, settings: EndpointSettings) -> EndpointSettings:
    """Return what the server behind *said* is made from."""
    timeouts = settings.timeouts
    limit_s = said.inference_timeout_s
    if limit_s is not None:
        timeouts = attrs.evolve(timeouts, head_s=limit_s, first_token_s=limit_s, plain_s=limit_s)
    return attrs.evolve(settings, name=said.name, url=said.url, max_in_flight=said.max_in_flight or 8, timeouts=timeouts)


def _facts(report: Report, latency_ms: float | None) -> EndpointFacts:
    uses = [device.use_0_1 for device in report.devices if device.use_0_1 is not None]
    sized = [device for device in report.devices if device.memory_bytes and device.used_bytes is not None]
    total = sum(device.memory_bytes or 0 for device in sized)
    return EndpointFacts(
        measured_at=time.monotonic(),
        version=report.version,
        latency_s=None if latency_ms is None else latency_ms / 1000,
        gpu_busy_0_1=sum(uses) / len(uses) if uses else None,
        vram_used_0_1=sum(device.used_bytes or 0 for device in sized) / total if total else None,
        gpu_score=report.capability_score,
        gpu_count=len(report.devices) or None,
        active_count=report.active_count,
    )
