"""Which model is served by what: names → targets, and the list that clients see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from attrs import frozen

from llmlb_core.clouds.clouds import Clouds
from llmlb_core.contracts.dialect import Dialect
from llmlb_core.contracts.plugin import ModelInfo
from llmlb_core.domain.calls import Operation
from llmlb_core.domain.devices import Device
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability, LocalModel
from llmlb_core.endpoints.registry import EndpointRegistry, Shared
from llmlb_core.errors import Conflict, ModelNotFound, NoEndpoint, RouteNotSupported
from llmlb_core.house.remote_models import remote_info
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.models.choice import EngineChoice, NoEngine
from llmlb_core.models.resolution import not_found
from llmlb_core.models.view import CatalogueView, chat_apis_of
from llmlb_core.plugin_host.registry import EngineEntry
from llmlb_core.worker.instance import Instance
from llmlb_core.worker.supervisor import Supervisor

REFRESH_S = 1.0
"""The disk is looked at this often at most, however many unknown names clients ask for."""

MOST_COMPARED = 500
_SHOWN_STATE = {"stopped": "available", "starting": "loading", "draining": "ready", "stopping": "available"}


@frozen
class LocalRooms:
    """What runs models on this machine."""

    engines: Mapping[str, EngineEntry]
    devices: Sequence[Device]
    supervisor: Supervisor


class Directory:
    """The models of this server: ``stages.resolve.Directory`` for the pipeline, ``ModelView`` for plugins.

    Attributes:
        fallbacks: Names of models that may stand in for others, by the others' names in lower case.
        on_gone: Called when a model of this machine is served no more: somebody may be waiting for it.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        local: LocalRooms,
        servers: EndpointRegistry,
        clouds: Clouds,
        dialects: Iterable[Dialect] = (),
    ) -> None:
        """Serve the models of *catalogue* on this machine, those that *servers* have, and those of *clouds*, by their prefix.

        To clients that speak *dialects*: lists name their routes.
        """
        self._catalogue = catalogue
        self._clouds = clouds
        self._engines, self._devices, self._supervisor = local.engines, local.devices, local.supervisor
        self._servers = servers
        self._chat_apis = chat_apis_of(dialects)
        self._view = CatalogueView(catalogue, self._state, self._choose, self._chat_apis)
        self._instances: dict[str, tuple[LocalModel, Instance]] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self.fallbacks: Mapping[str, tuple[str, ...]] = {}
        self.on_gone: list[Callable[[], None]] = []

    def lookup(self, name: str, need: Capability, operation: Operation) -> tuple[Target, tuple[Capability, ...]]:
        """Return the target of *name*, those that can do *need* by the route of *operation*, and what the model can do.

        Where *need* is not among that, nobody can, and the target is of all that have the model.

        Args:
            name: As the client wrote it.
            need: What the call asks for.
            operation: By which route.

        Raises:
            ModelNotFound: Nothing here has it.
            NoEndpoint: It is known, but cannot be run: the reason.
            RouteNotSupported: It can do *need*, and no server that has it serves the route.
            UnknownPrefix: It has a provider's prefix, and the provider is not here.
            CloudKeyMissing: The provider is, and nobody has set a key for it.
        """
        if ":" in name and self._clouds.claims(name):
            return self._clouds.lookup(name)
        shared = self._servers.shared(name)
        model = self._catalogue.local(name)
        if model is None and shared is not None:
            fit = shared.fit(need, operation)
            if fit is None and need in shared.capabilities:
                raise _not_supported(name, shared)
            return fit or shared.target, shared.capabilities
        if model is None:
            self._refresh()
            model = self._catalogue.local(name)
        if model is None:
            problem = self._catalogue.problem(name)
            if problem is not None:
                raise NoEndpoint(f"Model '{problem.id}' cannot be served: {problem.reason}")
            raise self._not_found(name)
        shared = self._servers.shared(model.id)
        if shared is None:
            return Target(model.id, (self._instance(model),)), model.capabilities
        fit = shared.fit(need, operation)
        capabilities = tuple(dict.fromkeys((*model.capabilities, *shared.capabilities)))
        if fit is not None and need not in model.capabilities:
            return fit, capabilities
        beside = () if fit is None else fit.endpoints
        return Target(model.id, (self._instance(model), *beside)), capabilities

    def is_of_cloud(self, name: str) -> bool:
        """Whether *name*, which has a colon, is of a provider's model."""
        return self._clouds.claims(name)

    def use_fallbacks(self, fallbacks: Mapping[str, tuple[str, ...]]) -> None:
        """Resolve by *fallbacks* from now on."""
        self.fallbacks = fallbacks

    def has(self, name: str) -> bool:
        """Whether anything here has *name* now; cheap also where nothing has."""
        if ":" in name and self._clouds.claims(name):
            return self._clouds.has(name)
        if self._servers.shared(name) is not None or self._catalogue.local(name) is not None:
            return True
        self._refresh()
        return self._catalogue.local(name) is not None

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id; also what was added since the last look."""
        self._refresh()
        local = self._view.list()
        here = {info.id for info in local}
        remote = self._servers.snapshot.endpoints_by_model
        return sorted((*local, *(remote_info(name, remote[name], self._chat_apis) for name in remote if name not in here)), key=_id)

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias; also one that was added since the last look."""
        known = self._view.find(name)
        endpoints = self._servers.snapshot.endpoints_by_model.get(name)
        if known is None and endpoints is not None:
            return remote_info(name, endpoints, self._chat_apis)
        if known is None:
            self._refresh()
            known = self._view.find(name)
        return known

    def preloaded(self) -> Sequence[Instance]:
        """The instances that are to be loaded at start."""
        return tuple(self._instance(model) for model in self._catalogue.all() if model.preload)

    def _not_found(self, name: str) -> ModelNotFound:
        remote = self._servers.snapshot.endpoints_by_model
        count = len({each.id for each in self._catalogue.all()} | set(remote))
        # Nearest names are looked for among some of them: ten thousand would take longer than the answer is worth.
        return not_found(name, {*self._catalogue.names(), *islice(remote, MOST_COMPARED)}, count)

    def _refresh(self) -> None:
        if self._catalogue.refresh(REFRESH_S):
            for gone in [id_ for id_ in self._instances if self._catalogue.local(id_) is None]:
                del self._instances[gone]
                task = asyncio.create_task(self._supervisor.remove(gone), name=f"remove {gone}")
                self._removals.add(task)
                task.add_done_callback(self._removed)

    def _removed(self, task: asyncio.Task[None]) -> None:
        self._removals.discard(task)
        for callback in self.on_gone:
            callback()

    def _instance(self, model: LocalModel) -> Instance:
        known = self._instances.get(model.id)
        if known is not None and known[0] is model:
            return known[1]
        choice = self._choose(model)
        if isinstance(choice, NoEngine):
            raise NoEndpoint(f"Model '{model.id}' is installed, but cannot be run: {choice.reason}")
        entry = self._engines[choice.engine]
        try:
            instance = self._supervisor.instance(model, entry.plugin, entry.engine, choice.fit)
        except Conflict:  # it runs as it was before it changed; the new one begins when the old one was unloaded
            assert known is not None
            return known[1]
        self._instances[model.id] = (model, instance)
        return instance

    def _choose(self, model: LocalModel) -> EngineChoice | NoEngine:
        return self._catalogue.choose_engine(model, self._engines, self._devices)

    def _state(self, model_id: str) -> tuple[str, str | None]:
        known = self._instances.get(model_id)
        if known is None:
            return "available", None
        state = str(known[1].state)
        return _SHOWN_STATE.get(state, state), known[1].reason


def _not_supported(name: str, shared: Shared) -> RouteNotSupported:
    count = len(shared.target.endpoints)
    which = f"The {count} servers that have model '{name}' do" if count > 1 else f"The server that has model '{name}' does"
    return RouteNotSupported(
        f"{which} not serve this route, and calls are not translated for it; use /v1/chat/completions. "
        "GET /v1/models lists the routes of each model as supported_apis.",
        param="model",
    )


def _id(info: ModelInfo) -> str:
    return info.id
