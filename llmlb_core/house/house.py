"""One server, put together from its settings and plugins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from llmlb_core.clouds.clouds import Clouds
from llmlb_core.clouds.configured import find_clouds
from llmlb_core.contracts.admission import AdmissionPolicy
from llmlb_core.contracts.metrics import Labels
from llmlb_core.endpoints.breakers import Breakers
from llmlb_core.endpoints.of_settings import find_servers
from llmlb_core.errors import PluginRequired
from llmlb_core.house.bare import FirstCome, NoRouter
from llmlb_core.house.breaker_metrics import watch_breakers
from llmlb_core.house.cloud_metrics import CloudMetrics
from llmlb_core.house.cloud_office import CloudOffice
from llmlb_core.house.directory import Directory, LocalRooms
from llmlb_core.house.endpoint_office import EndpointOffice
from llmlb_core.house.fallbacks import Fallbacks
from llmlb_core.house.models_view import LateModelView
from llmlb_core.house.recording import make_taps, open_recorder, open_uploads, watch_house
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.models.devices import machine_devices
from llmlb_core.pipeline import Pipeline
from llmlb_core.plugin_host.loader import load_plugins
from llmlb_core.routing.learning import feedback_in_use
from llmlb_core.routing.named import Parts, RouterTable, make_table, named_routers
from llmlb_core.security.data_dir import prepare_data_dir
from llmlb_core.settings.problems import render_path
from llmlb_core.settings.sections import AdmissionSettings, RoutingSettings, Settings
from llmlb_core.stages.acquire import Acquire
from llmlb_core.stages.authenticate import Authenticate
from llmlb_core.stages.authorize import Authorize
from llmlb_core.stages.dispatch import Dispatch, Resume
from llmlb_core.stages.inner import InnerCalls
from llmlb_core.stages.large_bodies import ParseLarge
from llmlb_core.stages.parse import Parse
from llmlb_core.stages.pictures import Pictures
from llmlb_core.stages.record import Recorder
from llmlb_core.stages.resolve import Resolve
from llmlb_core.stages.running import Running
from llmlb_core.stages.sounds import Sounds
from llmlb_core.stages.transform import Transform
from llmlb_core.storage.core_app import CORE_APP
from llmlb_core.storage.rows import current_database
from llmlb_core.storage.setup import open_storage
from llmlb_core.telemetry.access import AccessLog
from llmlb_core.telemetry.log import get_logger
from llmlb_core.telemetry.metrics import Metrics
from llmlb_core.uploads.reader import Uploads
from llmlb_core.upstream.sweep import Sweep
from llmlb_core.worker.supervisor import Supervisor

_log = get_logger("house")


class House:
    """Plugins, models, workers and the pipeline of one server.

    Attributes:
        host: The plugins, loaded when the house is made.
        is_open: Whether calls can be served.
    """

    def __init__(self, settings: Settings) -> None:
        """Load the plugins of *settings*.

        Raises:
            PluginRequired: One that settings name is missing or not active.
        """
        self.settings = settings
        self._models = LateModelView()
        self._metrics = Metrics()
        self._stopping = asyncio.Event()
        self.host = load_plugins(settings, models=self._models, metrics=self._metrics, stopping=self._stopping)
        self.is_open = False
        self._pipeline: Pipeline | None = None
        self._supervisor: Supervisor | None = None
        self._endpoints: EndpointOffice | None = None
        self._breakers: Breakers | None = None
        self._routers: RouterTable | None = None
        self._directory: Directory | None = None
        self._fallbacks: Fallbacks | None = None
        self._cloud_office: CloudOffice | None = None

    @property
    def cloud_office(self) -> CloudOffice:
        """The providers behind prefixes, with their keys and lists; only while the house is open."""
        assert self._cloud_office is not None, "the house is not open"
        return self._cloud_office

    @property
    def clouds(self) -> Clouds:
        """The providers behind prefixes; only while the house is open."""
        return self.cloud_office.clouds

    @property
    def routers(self) -> RouterTable:
        """Which router a call gets; only while the house is open."""
        assert self._routers is not None, "the house is not open"
        return self._routers

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline; only while the house is open."""
        assert self._pipeline is not None, "the house is not open"
        return self._pipeline

    @property
    def endpoints(self) -> EndpointOffice:
        """The registered servers; only while the house is open."""
        assert self._endpoints is not None, "the house is not open"
        return self._endpoints

    @property
    def fallbacks(self) -> Fallbacks:
        """Which models may stand in for which; only while the house is open."""
        assert self._fallbacks is not None, "the house is not open"
        return self._fallbacks

    def has_model(self, name: str) -> bool:
        """Whether anything here has the model *name*; only while the house is open."""
        assert self._directory is not None, "the house is not open"
        return self._directory.has(name)

    @property
    def breakers(self) -> Breakers:
        """The circuit breakers of all endpoints; only while the house is open."""
        assert self._breakers is not None, "the house is not open"
        return self._breakers

    def selections(self) -> Mapping[Labels, float]:
        """Return how many answered calls went to each endpoint, and why: by endpoint and reason."""
        return self._metrics.calls.selections()

    @property
    def supervisor(self) -> Supervisor:
        """The workers; only while the house is open."""
        assert self._supervisor is not None, "the house is not open"
        return self._supervisor

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open every room in order; close them in reverse.

        Raises:
            StartError: The data directory, the database or a required plugin is unusable.
        """
        settings, registry = self.settings, self.host.registry
        prepare_data_dir(settings.data_dir)
        async with AsyncExitStack() as rooms:
            storage = await rooms.enter_async_context(open_storage(settings, (CORE_APP, *registry.storage_apps)))
            for name, reason in storage.broken:
                self.host.record_failure(name, "lifespan", reason)
            self.host.check_required()
            for _, lifespan in self.host.lifespans():
                await rooms.enter_async_context(lifespan)
            policy, routers = self._policy(), self._router_for()
            self._routers = routers
            feedbacks = feedback_in_use(registry.feedbacks, routers.in_use, policy)
            access = AccessLog() if settings.log.access else None
            cloud_metrics = CloudMetrics()
            recorder = await rooms.enter_async_context(
                open_recorder(self.host, self._metrics, access, feedbacks, [cloud_metrics.note])
            )
            supervisor = self._supervisor = Supervisor(settings.workers, settings.engines, settings.data_dir)
            rooms.push_async_callback(supervisor.stop, 5.0)
            await supervisor.start()
            catalogue = Catalogue(settings, registry.stores, registry.formats)
            devices = machine_devices()
            catalogue.check_options(registry.engines, devices)
            for problem in catalogue.problems():
                _log.warning("model_unusable", model=problem.id, reason=problem.reason)
            sweep = Sweep(asyncio.get_running_loop())
            rooms.callback(sweep.stop)
            office, clouds = self._open_servers(rooms, sweep)
            breakers = self.breakers
            directory = self._directory = Directory(
                catalogue, LocalRooms(registry.engines, devices, supervisor), office.registry, clouds, registry.dialects.values()
            )
            self._models.fill(directory, self.cloud_office.lists)
            warmup_wait_s = settings.workers.warmup_wait_s
            acquire = Acquire(routers, policy, settings.admission, warmup_wait_s=warmup_wait_s, breakers=breakers)
            uploads = await rooms.enter_async_context(open_uploads(settings))
            pipeline = self._pipeline = self._build_pipeline(directory, acquire, recorder, uploads)
            watch_house(self._metrics, pipeline, supervisor)
            watch_breakers(self._metrics, breakers)
            cloud_metrics.use(clouds, self._metrics)
            supervisor.on_change.append(pipeline.acquire.wake)
            for told in (office.registry.on_routable, office.registry.on_unroutable):
                told.append(pipeline.acquire.wake)
            for told_of_models in (office.registry.on_models, directory.on_gone):
                told_of_models.append(pipeline.acquire.look_again)
            await rooms.enter_async_context(office.running())
            clouds.on_keys.append(lambda _: pipeline.acquire.look_again())
            await rooms.enter_async_context(self.cloud_office.running())
            self._fallbacks = Fallbacks(settings, current_database(), directory.use_fallbacks)
            await self._fallbacks.open(directory.has)
            for instance in directory.preloaded():
                instance.begin()
            self.is_open = True
            try:
                yield
            finally:
                self.is_open = False
                await pipeline.running.drain(settings.server.drain_timeout_s)

    def _open_servers(self, rooms: AsyncExitStack, sweep: Sweep) -> tuple[EndpointOffice, Clouds]:
        """Return registered servers and providers, with circuit breakers for both; nothing is connected.

        Raises:
            SettingsInvalid: One of them cannot be used as settings have it.
        """
        settings, registry = self.settings, self.host.registry
        breakers = self._breakers = Breakers(settings.circuit_breaker)
        rooms.callback(breakers.stop)
        servers = find_servers(settings, os.environ)
        office = EndpointOffice(settings, registry.endpoint_kinds, sweep, current_database(), servers=servers, breakers=breakers)
        office.registry.server_dialects = registry.server_dialects
        rooms.callback(office.registry.close)
        clouds = Clouds(find_clouds(settings, registry.clouds, registry.server_dialects, os.environ), sweep)
        rooms.callback(clouds.close)
        self._endpoints = office
        self._cloud_office = CloudOffice(clouds, settings.data_dir, current_database())
        return office, clouds

    def _build_pipeline(self, directory: Directory, acquire: Acquire, recorder: Recorder, uploads: Uploads) -> Pipeline:
        settings, registry = self.settings, self.host.registry
        self._stopping.clear()
        dispatch = Dispatch(acquire, settings.dispatch)
        is_deaf = settings.audio.transcribe_with is None
        resolve = Resolve(directory, transcribes=not is_deaf)
        authorize = Authorize(list(registry.authorizers.values()))
        inner = InnerCalls(resolve, authorize, Transform(), acquire, dispatch, recorder)
        sounds = Sounds(settings.audio, directory, uploads, inner, registry.dialects)
        return Pipeline(
            authenticate=Authenticate(
                # One that settings name is missing only where no plugin is installed at all: then nobody enters.
                [registry.authenticators[name] for name in settings.auth.authenticators if name in registry.authenticators],
                is_disabled=settings.auth.is_disabled,
            ),
            parse=Parse(settings.server, uploads) if is_deaf else ParseLarge(settings.server, uploads, settings.audio),
            resolve=resolve,
            authorize=authorize,
            transform=Transform(Pictures(settings.images), sounds),
            acquire=acquire,
            dispatch=dispatch,
            resume=Resume(dispatch, may_continue=settings.dispatch.continue_streams),
            record=recorder,
            running=Running(on_drain=self._stopping.set),
            call_timeout_s=settings.server.call_timeout_s,
            heartbeat_s=settings.server.heartbeat_s,
            blame=self.host.blame,
            taps=make_taps(self.host, self._metrics),
        )

    def _policy(self) -> AdmissionPolicy:
        """Return who says which calls wait.

        Raises:
            PluginRequired: No active plugin brings the policy that settings name.
        """
        policies, name = self.host.registry.admission_policies, self.settings.admission.policy
        policy = policies.get(name)
        if policy is None and not policies and name == AdmissionSettings().policy:
            policy = FirstCome()
        if policy is None:
            raise self._missing("admission policy", f"admission:{name}", "[admission] policy")
        return policy

    def _router_for(self) -> RouterTable:
        """Return which router a call gets.

        Raises:
            PluginRequired: A plugin that brings one of them is not active.
            SettingsInvalid: Nothing has a name that settings use.
        """
        settings, registry = self.settings, self.host.registry
        wanted = list(named_routers(settings))
        # One that is installed and conflicted is no reason to refuse every call in silence: the start says so below.
        is_bare = not any(key.startswith("router:") for status in self.host.statuses for key in status.contributes)
        if is_bare and not settings.routing.routers and {name for _, name in wanted} == {RoutingSettings().router}:
            return RouterTable({}, NoRouter(), {}, {})
        inactive = {key for status in self.host.statuses if status.state != "active" for key in status.contributes}
        for path, name in wanted:
            if name not in registry.routers and f"router:{name}" in inactive:
                raise self._missing("router", f"router:{name}", render_path(path))
        return make_table(settings, Parts(registry.routers, registry.filters, registry.scorers, registry.pickers))

    def _missing(self, what: str, key: str, where: str) -> PluginRequired:
        """Say that no active plugin brings *key*; and why not, where one that is installed would."""
        kind, _, name = key.partition(":")
        said = f"{where} names the {what} '{name}', but"
        for status in self.host.statuses:
            if key in status.contributes and status.state != "active":
                return PluginRequired(f"{said} plugin {status.name} is {status.state}: {status.reason}; mend: {status.mend}")
        there = sorted(each.partition(":")[2] for each in self.host.registry.owners if each.startswith(f"{kind}:"))
        return PluginRequired(
            f"{said} no active plugin brings it (there: {', '.join(there) or 'none'}); see 'llmlb plugins check'."
        )
