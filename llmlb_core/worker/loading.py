"""From a model's settings to a worker that has loaded it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from attrs import frozen

from llmlb_core.contracts.engine import Engine
from llmlb_core.domain.models import Fit, LocalModel, Placement
from llmlb_core.errors import EngineFailed, SettingsInvalid
from llmlb_core.settings.load import structure_table
from llmlb_core.settings.sections import WorkerSettings
from llmlb_core.worker.environment import Command
from llmlb_core.worker.frames import Load, Ready
from llmlb_core.worker.limits import default_threads
from llmlb_core.worker.process import WorkerProcess


@frozen
class Spec:
    """What one instance runs.

    Attributes:
        plugin: Entry-point name of the plugin that brings *engine*.
        fit: What the engine said of the model here; its estimate of memory counts until the worker can be measured.
        interpreter: Python that runs the worker; None = this one.
    """

    model: LocalModel
    plugin: str
    engine: type[Engine]
    fit: Fit
    interpreter: str | None = None

    @property
    def command(self) -> Command:
        """How its worker is started."""
        return Command(self.plugin, self.engine.name, self.model.id, self.interpreter)


def check_options(spec: Spec) -> None:
    """Check the engine's options of ``[models."x".options]``, before a worker starts.

    Raises:
        SettingsInvalid: An option is unknown, has the wrong type or an impossible value.
    """
    model, cls = spec.model, spec.engine.options_class
    path = ("models", model.id, "options")
    if cls is not None:
        structure_table(cls, model.options, path, None)
    elif model.options:
        raise SettingsInvalid(
            f"{'.'.join(path)}.{next(iter(model.options))} is set, but engine {spec.engine.name!r} takes no options. Remove it."
        )


def placement_of(model: LocalModel, settings: WorkerSettings) -> Placement:
    """Return where and how large *model* is loaded."""
    return Placement(
        threads=settings.threads or default_threads(),
        context_tokens=model.context_tokens,
        parallel_count=model.parallel_count,
    )


async def load_worker(spec: Spec, settings: WorkerSettings, data_dir: Path, process: WorkerProcess) -> Ready:
    """Have *process* load the model of *spec*. The caller ends it where that fails.

    Raises:
        LLMLBError: It cannot be loaded, with the reason.
    """
    try:
        async with asyncio.timeout(settings.load_timeout_s):
            return await process.load(Load(spec.model, placement_of(spec.model, settings), data_dir))
    except TimeoutError:
        raise EngineFailed(
            f"Model {spec.model.id!r} did not load within {settings.load_timeout_s:g} s. "
            "Raise workers.load_timeout_s, or use a smaller model."
        ) from None
