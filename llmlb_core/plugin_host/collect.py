"""Calls a plugin's hooks and checks what they return, object by object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, get_args

from llmlb_core.errors import PluginBroken
from llmlb_core.plugin_host.faults import name_type
from llmlb_core.plugin_host.hooks import call_hook
from llmlb_core.plugin_host.record import Contribution, PluginRecord
from llmlb_core.plugin_host.slots import SLOTS, Slot, expected_of

if TYPE_CHECKING:
    import pluggy

MAX_OBJECTS = 1000
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def collect(record: PluginRecord, hooks: Collection[str] | None = None) -> list[Contribution]:
    """Return everything that a registered plugin contributes; all of it, or an error.

    Args:
        record: The plugin.
        hooks: Call only these; None = all.

    Raises:
        PluginBroken: An object is not what its hook takes, is incomplete, or comes twice.
    """
    contributions: list[Contribution] = []
    for hook, slots in SLOTS.items():
        if hook in record.hooks and (hooks is None or hook in hooks):
            contributions += (_file(hook, slots, item) for item in _objects(hook, slots, record.hooks[hook]))
    if "llmlb_commands" in record.hooks and (hooks is None or "llmlb_commands" in hooks):
        contributions += _commands(record.hooks["llmlb_commands"])
    seen: set[str] = set()
    for contribution in contributions:
        for key in contribution.keys:
            if key in seen:
                raise PluginBroken(f"it contributes {key} twice")
            seen.add(key)
    return contributions


def _objects(hook: str, slots: tuple[Slot, ...], implementation: pluggy.HookImpl) -> Iterator[object]:
    """Call one hook and yield its objects, a bounded number of them."""
    result = call_hook(implementation)
    expected = expected_of(slots)
    if any(slot.takes(result) for slot in slots):
        raise PluginBroken(f"{hook} returned {name_type(result)} itself; expected an iterable of {expected}: put it in a list")
    if not isinstance(result, Iterable) or isinstance(result, str | bytes):
        raise PluginBroken(f"{hook} returned {name_type(result)}; expected an iterable of {expected}")
    iterator = iter(result)
    yield from islice(iterator, MAX_OBJECTS)
    if next(iterator, None) is not None:
        raise PluginBroken(f"{hook} returned more than {MAX_OBJECTS} objects")


def _file(hook: str, slots: tuple[Slot, ...], item: object) -> Contribution:
    """Find the slot of one object and check what can be checked before anybody calls it."""
    for slot in slots:
        if not slot.takes(item):
            continue
        if inspect.isabstract(item):
            missing = ", ".join(sorted(getattr(item, "__abstractmethods__", ())))
            raise PluginBroken(f"{hook} returned {name_type(item)}, which does not define {missing}")
        name = slot.name_of(item)
        return Contribution(slot.kind, name, item, _claims(slot, item))
    expected = expected_of(slots)
    raise PluginBroken(f"{hook} returned {name_type(item)}; expected {expected}{_hint(slots, item)}")


def _hint(slots: tuple[Slot, ...], item: object) -> str:
    """Return what to write instead, for the commonest mistake."""
    for slot in slots:
        if slot.is_class and isinstance(item, slot.load_base()):
            return f": return {type(item).__name__}, without calling it"
        if not slot.is_class and inspect.isclass(item) and issubclass(item, slot.load_base()):
            return f": return {item.__name__}(), an instance"
    return ""


def _claims(slot: Slot, item: object) -> tuple[str, ...]:
    """Return further keys of an object, and check the fields that other rooms rely on."""
    if slot.kind == "dialect":
        from llmlb_core.contracts.dialect import Route

        routes = getattr(item, "routes", None)
        if not isinstance(routes, tuple) or not all(isinstance(route, Route) for route in routes):
            raise PluginBroken(f"Dialect {type(item).__name__} has routes {name_type(routes)}; expected a tuple of Route objects")
        return tuple(f"path:{route.path}" for route in routes)
    if slot.kind == "cloud":
        from llmlb_core.contracts.cloud import Cloud

        assert isinstance(item, Cloud)
        return tuple(f"prefix:{prefix}" for prefix in (item.name, *item.aliases))
    if slot.kind == "routes":
        from llmlb_core.contracts.routes import Routes
        from llmlb_core.domain.principals import Scope

        assert isinstance(item, Routes)
        scopes = (*get_args(Scope), "public")
        if item.scope not in scopes:
            raise PluginBroken(f"Routes {item.prefix} has scope {item.scope!r}; expected one of {', '.join(scopes)}")
        if not isinstance(item.blueprint, str) or _TARGET.fullmatch(item.blueprint) is None:
            raise PluginBroken(f"Routes {item.prefix} has blueprint {item.blueprint!r}; expected 'module:function'")
    return ()


def _commands(implementation: pluggy.HookImpl) -> list[Contribution]:
    """Let the plugin add its commands to an empty group, so that it can neither see nor replace anybody else's."""
    import click

    class Capture(click.Group):
        """Refuses a second command of one name, which click would take silently."""

        def add_command(self, cmd: click.Command, name: str | None = None) -> None:
            name = name or cmd.name
            if name in self.commands:
                raise PluginBroken(f"it contributes command:{name} twice")
            super().add_command(cmd, name)

    group = Capture("llmlb")
    call_hook(implementation, cli=group)
    return [Contribution("command", name, command) for name, command in group.commands.items()]
