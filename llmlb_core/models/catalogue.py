"""The catalogue: which models this machine has, and which of them it could run if something were mended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from llmlb_core.contracts.modelstore import ModelFormat, ModelStore
from llmlb_core.domain.devices import Device
from llmlb_core.domain.models import LocalModel, ModelFacts
from llmlb_core.errors import LLMLBError, ModelFilesInvalid
from llmlb_core.models.choice import EngineChoice, HasEngine, NoEngine, choose_engine
from llmlb_core.models.installed import InstalledModels, damage
from llmlb_core.models.manifest import Installation, read_installation
from llmlb_core.models.naming import MANIFEST_NAME
from llmlb_core.models.tables import check_tables
from llmlb_core.settings.sections import Settings


@frozen
class Problem:
    """Something that an operator should mend.

    Attributes:
        id: The model.
        reason: What is wrong and what mends it.
        state: ``failed``: it cannot be run. ``missing``: settings name it, and it is not installed. ``warning``: it is served,
            but an alias of it is not.
    """

    id: str
    reason: str
    state: Literal["failed", "missing", "warning"] = "failed"


Stamp = tuple[int, ...]


@frozen
class _Known:
    """One installed model as it was when its stamp was taken."""

    stamp: Stamp
    installation: Installation | None
    found: LocalModel | Problem


@frozen
class _Snapshot:
    """Everything at one moment; replaced as a whole, so that readers in any thread see one truth."""

    known: dict[str, _Known] = field(factory=dict)
    models: tuple[LocalModel, ...] = ()
    by_name: dict[str, LocalModel] = field(factory=dict)
    problems: tuple[Problem, ...] = ()
    problem_by_name: dict[str, Problem] = field(factory=dict)


class Catalogue:
    """Models by name: those installed, those that need no files, and what is wrong with the others.

    Reads are from memory. ``refresh`` looks at the disk, and may be called from a thread.
    """

    def __init__(self, settings: Settings, stores: Mapping[str, ModelStore], formats: Mapping[str, ModelFormat]) -> None:
        """Read everything once.

        Args:
            settings: Its ``[models]`` tables and data directory.
            stores: By scheme, for ``llmlb models add``.
            formats: By name; they read facts.

        Raises:
            SettingsInvalid: A ``[models]`` table is wrong in itself.
        """
        self.settings = settings
        self.stores = stores
        self.formats = formats
        self.installed = InstalledModels(settings.data_dir / "models")
        self._tables = check_tables(settings)
        self._created_at = _file_time(settings.file)
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._snapshot = _Snapshot()
        self.refresh()

    def local(self, name: str) -> LocalModel | None:
        """The model of this id or alias, in any case; an id beats an alias."""
        return self._snapshot.by_name.get(name.lower())

    def all(self) -> tuple[LocalModel, ...]:
        """Every model that could be given to an engine, in order of id."""
        return self._snapshot.models

    def names(self) -> tuple[str, ...]:
        """Every name that ``local`` knows: ids and aliases."""
        return tuple(self._snapshot.by_name)

    def problems(self) -> tuple[Problem, ...]:
        """What an operator should mend, in order of id."""
        return self._snapshot.problems

    def problem(self, name: str) -> Problem | None:
        """Why the model of this id or alias is not served, or None."""
        return self._snapshot.problem_by_name.get(name.lower())

    def installation(self, model_id: str) -> Installation | None:
        """How *model_id* was installed; None where it is not, or needs no files."""
        known = self._snapshot.known.get(model_id.lower())
        return known.installation if known is not None else None

    def choose_engine(
        self, model: LocalModel, engines: Mapping[str, HasEngine], devices: Sequence[Device]
    ) -> EngineChoice | NoEngine:
        """Which engine runs *model*; see ``llmlb_core.models.choice``."""
        return choose_engine(model, engines, devices, self.settings.file)

    def check_options(self, engines: Mapping[str, HasEngine], devices: Sequence[Device]) -> None:
        """Check the ``options`` of every model against its engine, at start.

        Raises:
            SettingsInvalid: Names the first wrong key path.
        """
        for model in self.all():
            choice = self.choose_engine(model, engines, devices)
            if isinstance(choice, NoEngine) and choice.settings_error is not None:
                raise choice.settings_error

    def refresh(self, min_interval_s: float = 0.0) -> bool:
        """Look for models that were added, changed or removed, and say whether there are any.

        One directory listing and two ``stat`` calls a model; only what changed is read again, and models that did not change
        stay the same objects.

        Args:
            min_interval_s: Do nothing where the last look was less long ago; for callers that a client could make busy.
        """
        with self._lock:
            if min_interval_s and time.monotonic() - self._looked_at < min_interval_s:
                return False
            old = self._snapshot.known
            new: dict[str, _Known] = {}
            for model_id, entry in self.installed.manifests():
                previous = old.get(model_id)
                stamp = self._stamp(Path(entry.path), previous)
                new[model_id] = previous if previous is not None and previous.stamp == stamp else self._read(model_id, stamp)
            is_changed = new != old or not self._looked_at
            if is_changed:
                self._snapshot = self._assemble(new)
            self._looked_at = time.monotonic()
            return is_changed

    def _stamp(self, manifest: Path, previous: _Known | None) -> Stamp:
        """What changes when the manifest or the main file does. The main file is known only from an earlier reading."""
        paths = [manifest]
        if previous is not None and previous.installation is not None:
            paths.append(self.installed.files_directory(previous.installation) / previous.installation.manifest.main)
        numbers: list[int] = []
        for path in paths:
            with contextlib.suppress(OSError):
                status = path.stat()
                numbers += (status.st_mtime_ns, status.st_size, status.st_ino)
        return tuple(numbers)

    def _read(self, model_id: str, stamp: Stamp) -> _Known:
        """Read one model's manifest and the header of its main file."""
        path = self.installed.root / model_id / MANIFEST_NAME
        try:
            installation = read_installation(path, model_id)
        except ModelFilesInvalid as error:
            return _Known(stamp, None, Problem(model_id, error.message))
        bare = _Known(stamp, installation, Problem(model_id, ""))
        stamp = self._stamp(path, bare)
        try:
            return _Known(stamp, installation, self._model(installation))
        except ModelFilesInvalid as error:
            return _Known(stamp, installation, Problem(model_id, error.message))

    def _model(self, installation: Installation) -> LocalModel:
        manifest = installation.manifest
        directory = self.installed.files_directory(installation)
        for file in manifest.files:
            reason = damage(directory / file.name, file, read=False)
            if reason is not None:
                raise ModelFilesInvalid(f"{reason}; mend it with: llmlb models add {manifest.reference} --name {manifest.id}")
        facts = self._facts(installation, directory)
        model = LocalModel(
            id=manifest.id,
            facts=facts,
            directory=directory,
            main=manifest.main,
            aliases=tuple(alias.lower() for alias in manifest.aliases),
            capabilities=manifest.capabilities or facts.capabilities,
            created_at=installation.installed_at,
        )
        table = self._tables.get(manifest.id)
        return table.over(model) if table is not None else model

    def _facts(self, installation: Installation, directory: Path) -> ModelFacts:
        manifest = installation.manifest
        reader = self.formats.get(manifest.format)
        if reader is None:  # an engine may still run it: what is known goes on
            return ModelFacts(format=manifest.format, size_bytes=sum(file.size_bytes or 0 for file in manifest.files))
        try:
            return reader.read_facts(directory / manifest.main)
        except LLMLBError as error:
            raise ModelFilesInvalid(error.message) from error
        except Exception as error:  # a format is other people's code; the reason is kept
            reason = f"reading it as {manifest.format} failed: {type(error).__name__}: {error}"
            raise ModelFilesInvalid(f"{directory / manifest.main}: {reason}") from error

    def _assemble(self, known: dict[str, _Known]) -> _Snapshot:
        """Give every model its names, and find what is wrong."""
        models = [one.found for one in known.values() if isinstance(one.found, LocalModel)]
        problems = [one.found for one in known.values() if isinstance(one.found, Problem)]
        for model_id, table in self._tables.items():
            if model_id not in known:
                reason = table.missing_reason
                if reason is None:
                    models.append(table.without_files(self._created_at))
                else:
                    problems.append(Problem(model_id, reason, "missing"))
        models.sort(key=lambda model: model.id)
        by_name, warnings = _names(models, {problem.id for problem in problems})
        ordered = sorted([*problems, *warnings], key=lambda problem: (problem.id, problem.state))
        return _Snapshot(known, tuple(models), by_name, tuple(ordered), self._problem_names(known, problems))

    def _problem_names(self, known: Mapping[str, _Known], problems: Sequence[Problem]) -> dict[str, Problem]:
        """File what cannot be served by id and alias: who calls it by another name is told the reason, too."""
        by_name: dict[str, Problem] = {}
        for problem in problems:
            one, table = known.get(problem.id), self._tables.get(problem.id)
            aliases = one.installation.manifest.aliases if one is not None and one.installation is not None else ()
            for alias in (*aliases, *(table.aliases if table is not None else ())):
                by_name.setdefault(alias.lower(), problem)
        return by_name | {problem.id: problem for problem in problems}


def _names(models: list[LocalModel], other_ids: set[str]) -> tuple[dict[str, LocalModel], list[Problem]]:
    """File models by id and alias. An id beats an alias; an alias of two models is served by neither, and both are told."""
    by_name = {model.id: model for model in models}
    owners: dict[str, list[LocalModel]] = {}
    for model in models:
        for alias in dict.fromkeys(model.aliases):
            if alias != model.id:
                owners.setdefault(alias, []).append(model)
    warnings = []
    for alias, claimants in owners.items():
        if alias in by_name or alias in other_ids:
            warnings += [
                Problem(one.id, f"its alias {alias!r} is the id of another model, which has it", "warning") for one in claimants
            ]
        elif len(claimants) > 1:
            names = " and ".join(repr(one.id) for one in claimants)
            warnings += [
                Problem(one.id, f"the alias {alias!r} is claimed by {names}; neither has it until one gives it up", "warning")
                for one in claimants
            ]
        else:
            by_name[alias] = claimants[0]
    return by_name, warnings


def _file_time(path: Path | None) -> int:
    with contextlib.suppress(OSError):
        return int(path.stat().st_mtime) if path is not None else 0
    return 0
