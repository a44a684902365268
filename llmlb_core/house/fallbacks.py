"""Which models may stand in for which: what settings say, and what operators said by the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from attrs import frozen

from llmlb_core.endpoints.model_names import name_problem
from llmlb_core.errors import Conflict, InvalidRequest
from llmlb_core.settings.sections import Settings
from llmlb_core.storage.fallback_store import FallbackStore
from llmlb_core.storage.rows import Database
from llmlb_core.telemetry.log import get_logger

MOST_NAMES = 16
MOST_MODELS = 10_000

_log = get_logger("models")


@frozen
class Fallback:
    """What stands in for one model.

    Attributes:
        model: In lower case.
        origin: ``file`` = ``[models."<id>"] fallback``, read-only in the API; ``none`` = nothing stands in for it.
    """

    model: str
    names: tuple[str, ...]
    origin: Literal["file", "database", "none"]


class Fallbacks:
    """Keeps them; whoever resolves names reads one mapping, which is replaced when something changes."""

    def __init__(self, settings: Settings, database: Database, publish: Callable[[Mapping[str, tuple[str, ...]]], None]) -> None:
        """Begin with those of *settings*, and hand every state to *publish*."""
        self._of_file = {name: own.fallback for name, own in settings.models.items() if own.fallback}
        self._stored: dict[str, tuple[str, ...]] = {}
        self._store = FallbackStore(database)
        self._publish = publish

    async def open(self, is_known: Callable[[str], bool]) -> None:
        """Read the database, and say which names nothing here has; they may come yet.

        Raises:
            Exception: Whatever the database raises at the first read.
        """
        self._stored = dict(await self._store.load())
        for model, names in self._all().items():
            for name in names:
                if not is_known(name):
                    _log.warning("fallback_unknown", model=model, fallback=name)
        self._publish(self._all())

    def list(self) -> Sequence[Fallback]:
        """All of them, by model."""
        return [self.find(model) for model in sorted(self._all())]

    def find(self, model: str) -> Fallback:
        """What stands in for *model*."""
        key = model.lower()
        if key in self._of_file:
            return Fallback(key, self._of_file[key], "file")
        names = self._stored.get(key, ())
        return Fallback(key, names, "database" if names else "none")

    async def put(self, model: str, wanted: object) -> Fallback:
        """Let *wanted* stand in for *model*, in that order; an empty list or null takes that back.

        Raises:
            InvalidRequest: It is no list of names.
            Conflict: The settings file says what stands in for it.
        """
        key = model.lower()
        if (problem := name_problem(model)) is not None:
            raise InvalidRequest(f"The model's name {problem}.", param="model")
        names = _checked(key, wanted)
        if key in self._of_file:
            raise Conflict(
                f"What stands in for '{key}' is in the settings file ([models.\"{key}\"] fallback) and is changed there; "
                "then restart the server.",
                code="read_only",
            )
        if names and key not in self._stored and len(self._stored) >= MOST_MODELS:
            raise Conflict(f"{MOST_MODELS:,} models have fallback models, which is as many as may; take some back.")
        await self._store.write(key, names)
        if names:
            self._stored[key] = names
        else:
            self._stored.pop(key, None)
        self._publish(self._all())
        _log.info("fallback_changed", model=key, names=list(names))
        return self.find(key)

    def _all(self) -> dict[str, tuple[str, ...]]:
        return {**self._stored, **self._of_file}


def _checked(model: str, wanted: object) -> tuple[str, ...]:
    if wanted is None:
        return ()
    if not isinstance(wanted, list) or len(wanted) > MOST_NAMES:
        raise InvalidRequest(
            f"fallback must be a list of at most {MOST_NAMES} names of models, or null for none.", param="fallback"
        )
    names: list[str] = []
    for number, each in enumerate(wanted):
        problem = name_problem(each) if isinstance(each, str) else "is no text"
        if problem is None and each.lower() == model:
            problem = "is the model itself"
        if problem is None and each in names:
            problem = "is there twice"
        if problem is not None:
            raise InvalidRequest(f"fallback[{number}] {problem}.", param=f"fallback[{number}]")
        names.append(each)
    return tuple(names)
