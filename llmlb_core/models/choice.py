"""Which engine runs a model on this machine, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from attrs import frozen

from llmlb_core.contracts.engine import Engine
from llmlb_core.domain.devices import Device
from llmlb_core.domain.models import Fit, LocalModel, Unfit
from llmlb_core.errors import SettingsInvalid


class HasEngine(Protocol):
    """An entry of the registry's engines."""

    @property
    def engine(self) -> type[Engine]:
        """The engine's class."""
        ...


Considered = tuple[tuple[str, Fit | Unfit], ...]


@frozen
class EngineChoice:
    """The engine that runs a model.

    Attributes:
        considered: Every engine that was asked with its answer, in order of name.
    """

    engine: str
    fit: Fit
    considered: Considered


@frozen
class NoEngine:
    """No engine runs a model, and why.

    Attributes:
        reason: One sentence for a client or operator.
        settings_error: Set where the model's ``options`` are wrong, which stops a start.
    """

    reason: str
    considered: Considered = ()
    settings_error: SettingsInvalid | None = None


def choose_engine(
    model: LocalModel, engines: Mapping[str, HasEngine], devices: Sequence[Device], settings_file: Path | None = None
) -> EngineChoice | NoEngine:
    """Return the engine that settings force, else the one with the highest score; ties go to the name that sorts first.

    Args:
        model: What is to be run.
        engines: By name; see ``Registry.engines``.
        devices: See ``machine_devices``.
        settings_file: Where the model's table stands, for the line numbers of problems.
    """
    if model.engine is not None:
        entry = engines.get(model.engine)
        if entry is None:
            known = ", ".join(sorted(engines)) or "none"
            return NoEngine(f"settings run {model.id!r} on engine {model.engine!r}, which is not installed; installed are: {known}")
        considered: Considered = ((model.engine, _ask(model, model.engine, entry.engine, devices, is_forced=True)),)
    else:
        considered = tuple((name, _ask(model, name, entry.engine, devices)) for name, entry in sorted(engines.items()))
    fits = [(name, answer) for name, answer in considered if isinstance(answer, Fit)]
    if not fits:
        return NoEngine(_no_engine_reason(model, considered), considered)
    name, fit = max(fits, key=lambda pair: pair[1].score_0_1)  # max keeps the first of equals
    try:
        check_options(model, engines[name].engine, settings_file)
    except SettingsInvalid as error:
        return NoEngine(error.message, considered, error)
    return EngineChoice(name, fit, considered)


def check_options(model: LocalModel, engine: type[Engine], settings_file: Path | None = None) -> object:
    """Return ``[models."<id>".options]`` as an instance of the engine's ``options_class``, or None where it has none.

    Raises:
        SettingsInvalid: Names the key path, what was seen and what was expected.
    """
    path = ("models", model.id, "options")
    if engine.options_class is None:
        if model.options:
            keys = ", ".join(sorted(model.options))
            raise SettingsInvalid(f'models."{model.id}".options: engine {engine.name!r} takes no options, found {keys}')
        return None
    from llmlb_core.settings.load import structure_table

    try:
        instance: object = structure_table(engine.options_class, model.options, path, None)
    except SettingsInvalid:  # again with the file, which costs reading it and gives the line
        instance = structure_table(engine.options_class, model.options, path, settings_file)
    return instance


def _ask(model: LocalModel, name: str, engine: type[Engine], devices: Sequence[Device], *, is_forced: bool = False) -> Fit | Unfit:
    has_files = model.directory is not None
    if has_files and not engine.formats and not is_forced:  # a forced one may stand in for the model, as fakes do
        return Unfit("it runs models without files")
    if engine.formats and not has_files:
        return Unfit(f"it needs model files ({', '.join(engine.formats)}), and none is installed under this id")
    if engine.formats and model.facts.format not in engine.formats:
        return Unfit(f"it reads {', '.join(engine.formats)}, and this is {model.facts.format or 'of no known format'}")
    try:
        answer: object = engine.fit(model.facts, devices)
    except Exception as error:  # noqa: BLE001  # an engine is other people's code; the reason is kept
        return Unfit(f"asking engine {name!r} failed: {type(error).__name__}: {error}")
    if not isinstance(answer, Fit | Unfit):
        return Unfit(f"engine {name!r} answered {type(answer).__name__}, expected Fit or Unfit")
    return answer


def _no_engine_reason(model: LocalModel, considered: Considered) -> str:
    if not considered:
        return f"no installed engine runs {model.id!r}: none is installed (llmlb plugins list)"
    answers = "; ".join(f"{name}: {answer.reason}" for name, answer in considered)
    return f"no installed engine runs {model.id!r}: {answers}"
