"""Which model is served by what: names → targets, and the list that clients see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from llmlb_core.contracts.plugin import ModelInfo
from llmlb_core.domain.devices import Device
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability, LocalModel
from llmlb_core.errors import ModelNotFound, NoEndpoint
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.models.resolution import EngineChoice, NoEngine, not_served
from llmlb_core.plugin_host.registry import EngineEntry
from llmlb_core.worker.instance import Instance
from llmlb_core.worker.supervisor import Supervisor


@frozen
class Served:
    """A model with the instance that runs it."""

    model: LocalModel
    target: Target
    instance: Instance


class Directory:
    """The models of this server. Implements ``contracts.plugin.ModelView`` and ``stages.resolve.Directory``.

    Filled when the house opens; until then it is empty. Memory only: nothing here waits.
    """

    def __init__(self, apis: Callable[[], Mapping[Capability, tuple[str, ...]]]) -> None:
        """Begin empty; *apis* tells which inference routes serve a capability."""
        self._apis = apis
        self._catalogue: Catalogue | None = None
        self._engines: Mapping[str, EngineEntry] = {}
        self._devices: Sequence[Device] = ()
        self._supervisor: Supervisor | None = None
        self._served: dict[str, Served] = {}

    def fill(
        self, catalogue: Catalogue, engines: Mapping[str, EngineEntry], devices: Sequence[Device], supervisor: Supervisor
    ) -> None:
        """Serve the models of *catalogue*."""
        self._catalogue, self._engines, self._devices, self._supervisor = catalogue, engines, devices, supervisor

    def lookup(self, name: str) -> tuple[Target, tuple[Capability, ...]]:
        """Return the target of *name* and what the model can do.

        Raises:
            ModelNotFound: Nothing here has it.
            NoEndpoint: It is known, but no installed engine runs it.
        """
        catalogue = self._catalogue
        model = catalogue.local(name) if catalogue is not None else None
        if model is None and catalogue is not None and catalogue.refresh():
            model = catalogue.local(name)
        if catalogue is None or model is None:
            raise ModelNotFound(not_served(name, [each.id for each in self._all()]), param="model")
        return self._serve(model).target, model.capabilities

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id."""
        return [self._info(model) for model in self._all()]

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias."""
        model = self._catalogue.local(name) if self._catalogue is not None else None
        return self._info(model) if model is not None else None

    def preloaded(self) -> list[Instance]:
        """The instances that are to be loaded at start."""
        return [self._serve(model).instance for model in self._all() if model.preload]

    def _all(self) -> Sequence[LocalModel]:
        return sorted(self._catalogue.all(), key=lambda model: model.id) if self._catalogue is not None else ()

    def _serve(self, model: LocalModel) -> Served:
        served = self._served.get(model.id)
        if served is not None and served.model == model:
            return served
        choice = self._choose(model)
        if isinstance(choice, NoEngine):
            raise NoEndpoint(f"Model '{model.id}' is installed, but no engine runs it: {choice.reason}")
        assert self._supervisor is not None
        entry = self._engines[choice.engine]
        instance = self._supervisor.instance(model, entry.plugin, entry.engine, choice.fit)
        served = Served(model, Target(model.id, (instance,)), instance)
        self._served[model.id] = served
        return served

    def _choose(self, model: LocalModel) -> EngineChoice | NoEngine:
        assert self._catalogue is not None
        return self._catalogue.choose_engine(model, self._engines, self._devices)

    def _info(self, model: LocalModel) -> ModelInfo:
        served = self._served.get(model.id)
        choice = self._choose(model)
        engine = choice.engine if isinstance(choice, EngineChoice) else None
        state, reason = ("available", None) if engine else ("failed", choice.reason if isinstance(choice, NoEngine) else None)
        if served is not None:
            state, reason = served.instance.state, served.instance.reason
        apis = self._apis()
        return ModelInfo(
            id=model.id,
            created_at=model.created_at,
            owned_by=model.owned_by,
            capabilities=model.capabilities,
            is_ready=engine is not None and state != "failed",
            state=state,
            reason=reason,
            context_tokens=model.context_tokens or model.facts.context_tokens,
            apis=tuple(api for each in model.capabilities for api in apis.get(each, ())),
            aliases=model.aliases,
            size_bytes=model.facts.size_bytes,
            engine=engine,
        )
