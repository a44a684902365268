"""All models on this machine: makes their instances, looks after them, ends them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from llmlb_core.contracts.engine import Engine
from llmlb_core.domain.models import Fit, LocalModel
from llmlb_core.errors import Conflict
from llmlb_core.settings.sections import EngineSettings, WorkerSettings
from llmlb_core.worker.instance import Instance
from llmlb_core.worker.lifecycle import Lifecycle
from llmlb_core.worker.limits import STOP_S, machine_memory_bytes
from llmlb_core.worker.loading import Spec
from llmlb_core.worker.residency import Residency
from llmlb_core.worker.snapshot import InstanceSnapshot, State
from llmlb_core.worker.surroundings import Surroundings

log = logging.getLogger(__name__)
MEMORY_SHARE = 0.8
TICK_S = 1.0


class Supervisor:
    """Owns every worker process of this server.

    Attributes:
        on_change: Called with an instance after its state changed or a call of it ended, on the loop; must not wait or raise.
    """

    def __init__(self, workers: WorkerSettings, engine_settings: Mapping[str, EngineSettings], data_dir: Path) -> None:
        """Own nothing yet; see ``instance`` and ``start``."""
        self.on_change: list[Callable[[Instance], None]] = []
        self._workers = workers
        self._engine_settings = engine_settings
        limit_bytes = workers.memory_limit_bytes or int(machine_memory_bytes() * MEMORY_SHARE)
        self._residency = Residency(limit_bytes, workers.max_loaded_count)
        self._surroundings = Surroundings(workers, data_dir, self._residency, self._changed)
        self._instances: dict[str, Instance] = {}
        self._keeper: asyncio.Task[None] | None = None

    def instance(self, model: LocalModel, plugin: str, engine: type[Engine], fit: Fit) -> Instance:
        """Return the instance of *model*, made where there is none. Starts nothing.

        Args:
            model: Facts and settings.
            plugin: Entry-point name of the plugin that brings *engine*.
            engine: Its class, as the plugin contributed it.
            fit: What ``engine.fit`` said.

        Raises:
            Conflict: It runs with other facts or settings; unload it first.
        """
        settings = self._engine_settings.get(engine.name, EngineSettings())
        spec = Spec(model, plugin, engine, fit, settings.interpreter)
        known = self._instances.get(model.id)
        if known is not None and known.spec == spec:
            return known
        if known is not None and known.state not in {State.STOPPED, State.FAILED}:
            raise Conflict(f"Model {model.id!r} is {known.state} with other settings. Unload it first.")
        made = Instance(spec, self._surroundings)
        self._instances[model.id] = made
        return made

    def get(self, model_id: str) -> Instance | None:
        """Return the instance of a model, or None."""
        return self._instances.get(model_id)

    async def remove(self, model_id: str, drain_s: float = 30.0) -> None:
        """End the instance of a model for good and forget it; calls that run may go on for *drain_s*."""
        known = self._instances.pop(model_id, None)
        if known is not None:
            await known.unload(drain_s)
            await known.shut_down(STOP_S)

    @property
    def memory_limit_bytes(self) -> int:
        """What all loaded models may take together."""
        return self._residency.limit_bytes

    @property
    def memory_used_bytes(self) -> int:
        """What all loaded models take together."""
        return self._residency.used_bytes

    def snapshots(self) -> tuple[InstanceSnapshot, ...]:
        """Return what every instance is now, in order of model."""
        return tuple(self._instances[model_id].snapshot() for model_id in sorted(self._instances))

    async def start(self) -> None:
        """Look after instances from now on, and begin to load those to be preloaded; does not wait for them."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="llmlb-workers")
        for instance in self._instances.values():
            if instance.spec.model.preload:
                instance.begin()

    async def stop(self, grace_s: float) -> None:
        """End every worker: a stop frame, SIGTERM after *grace_s*, then SIGKILL. Nothing survives; instances take no more calls."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
        ends = [instance.shut_down(grace_s) for instance in self._instances.values()]
        for error in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("a worker could not be ended: %r", error, extra={"event": "worker_stop_failed"})

    async def _keep(self) -> None:
        tick_s = min(TICK_S, self._workers.hang_timeout_s / 4)
        before = time.monotonic()
        while True:
            await asyncio.sleep(tick_s)
            now = time.monotonic()
            # Capped: time in which this loop did not run is nobody's silence.
            elapsed_s, before = min(now - before, 2 * tick_s), now
            try:
                for instance in tuple(self._instances.values()):
                    instance.tick(elapsed_s)
                await self._residency.trim()
            except Exception:  # a defect here must not end the watch over all workers
                log.exception("looking after workers failed", extra={"event": "worker_keeper_failed"})

    def _changed(self, changed: Lifecycle) -> None:
        instance = self._instances.get(changed.name)
        if instance is not changed:
            return  # replaced or removed
        for listener in self.on_change:
            try:
                listener(instance)
            except Exception:
                log.exception("a listener raised", extra={"event": "listener_failed", "model": instance.name})
