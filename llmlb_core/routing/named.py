"""Routers by name: those that plugins bring, those that ``[[routing.routers]]`` composes, and which of them a call gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from attrs import frozen

from llmlb_core.contracts.router import Filter, Picker, Rank, Router, Scorer
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.errors import SettingsInvalid
from llmlb_core.routing.composed import Composed
from llmlb_core.routing.plain import Rotation
from llmlb_core.settings.problems import Path, Problems
from llmlb_core.settings.sections import RankSettings, RouterSettings, Settings


@frozen
class Parts:
    """What active plugins bring, each by name."""

    routers: Mapping[str, Router]
    filters: Mapping[str, Filter]
    scorers: Mapping[str, Scorer]
    pickers: Mapping[str, Picker]


class RouterTable:
    """Which router a call gets: the one of its principal, else that of its model, else the one of ``[routing] router``.

    A principal's comes first because whoever names a caller means exactly that caller; a model's is for everybody.

    Attributes:
        by_name: Every router that there is, also those that nothing names.
    """

    def __init__(
        self, by_name: Mapping[str, Router], default: Router, by_model: Mapping[str, Router], by_key: Mapping[str, Router]
    ) -> None:
        """Take *default* where nothing else is said.

        Args:
            by_name: All of them.
            default: Of ``[routing] router``.
            by_model: By the model's own id.
            by_key: By id or name of a principal.
        """
        self.by_name = by_name
        self.default = default
        self._by_model = dict(by_model)
        self._by_key = dict(by_key)

    @property
    def in_use(self) -> tuple[Router, ...]:
        """The routers that a call may get."""
        return tuple(dict.fromkeys([self.default, *self._by_model.values(), *self._by_key.values()]))

    def __call__(self, call: Call, target: Target) -> Router:
        """Return the router of *call*."""
        if self._by_key:
            principal = call.principal
            router = self._by_key.get(principal.id) or self._by_key.get(principal.name)
            if router is not None:
                return router
        if self._by_model:
            return self._by_model.get(target.model) or self.default
        return self.default


def named_routers(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield every name of a router in *settings*, with where it stands."""
    yield ("routing", "router"), settings.routing.router
    for key, name in settings.routing.keys.items():
        yield ("routing", "keys", key), name
    for model_id, model in settings.models.items():
        if model.router:
            yield ("models", model_id, "router"), model.router


def make_table(settings: Settings, parts: Parts) -> RouterTable:
    """Return the routers of *settings*.

    Raises:
        SettingsInvalid: Says of each name that nothing has it, where it stands, and which names there are.
    """
    problems = Problems(lambda _: str(settings.file or ""))
    routers = dict(parts.routers)
    for number, each in enumerate(settings.routing.routers):
        composed = _compose(("routing", "routers", number), each, parts, problems)
        if each.name in routers:
            problems.add(("routing", "routers", number, "name"), f"is {each.name!r}, as that of another router; choose another")
        elif each.name:
            routers[each.name] = composed
    for path, name in named_routers(settings):
        if name not in routers:
            problems.add(path, unknown_text("router", name, routers))
    problems.stop()
    models, keys = settings.models, settings.routing.keys
    return RouterTable(
        routers,
        routers[settings.routing.router],
        {id_: routers[model.router] for id_, model in models.items() if model.router},
        {key: routers[name] for key, name in keys.items()},
    )


def table_problems(settings: Settings, parts: Parts) -> list[str]:
    """Return what ``make_table`` would raise, one line each."""
    try:
        make_table(settings, parts)
    except SettingsInvalid as error:
        lines = str(error).splitlines()
        return lines[1:] or lines
    return []


def unknown_text(what: str, name: str, known: Iterable[str]) -> str:
    """Say that nothing is called *name*, and what there is."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"no active plugin brings the {what} {name!r}; {hint}there are: {', '.join(names) or 'none'} (see 'llmlb plugins')"


def _compose(path: Path, settings: RouterSettings, parts: Parts, problems: Problems) -> Composed:
    """Return one router of ``[[routing.routers]]``, without the parts that do not exist; each of those is noted."""
    if not settings.name:
        problems.add((*path, "name"), "is missing; expected a name that no other router has")
    filters = []
    for number, name in enumerate(settings.filters):
        if name in parts.filters:
            filters.append(parts.filters[name])
        else:
            problems.add((*path, "filters", number), unknown_text("filter", name, parts.filters))
    ranks = []
    for number, each in enumerate(settings.ranks):
        rank = RankSettings(scorer=each) if isinstance(each, str) else each
        if rank.scorer in parts.scorers:
            ranks.append(Rank(parts.scorers[rank.scorer], rank.tolerance, rank.slack))
        else:
            problems.add((*path, "ranks", number), unknown_text("scorer", rank.scorer, parts.scorers))
    picker = parts.pickers.get(settings.picker)
    if picker is None:
        problems.add((*path, "picker"), unknown_text("picker", settings.picker, parts.pickers))
    # Where something is noted, what is returned here is thrown away unused.
    return Composed(settings.name, filters, ranks, picker or Rotation())
