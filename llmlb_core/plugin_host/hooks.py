"""Finds, checks and calls the hook implementations of one plugin."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Coroutine
from typing import Any

import pluggy

from llmlb_core import hookspecs
from llmlb_core.errors import PluginBroken

_MARK = "mark it with @hookimpl (from llmlb_core import hookimpl)"


def new_manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows the hooks. pluggy keeps and checks; the host does the calling, plugin by plugin."""
    manager = pluggy.PluginManager("llmlb")
    manager.add_hookspecs(hookspecs)
    return manager


def hook_names() -> tuple[str, ...]:
    """Return the names of all hooks, in the order in which ``hookspecs`` defines them."""
    return tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "llmlb_spec"))


def check_hooks(manager: pluggy.PluginManager, target: object) -> dict[str, str]:
    """Check a module or class for what pluggy would take silently or refuse obscurely.

    Returns:
        The attribute that implements each hook, by hook name.

    Raises:
        PluginBroken: A hook of no known name, an ``async def``, a wrapper, wrong arguments, a forgotten mark, or no hook at all.
    """
    known = hook_names()
    implemented: dict[str, str] = {}
    for attribute in dir(target):
        options = manager.parse_hookimpl_opts(target, attribute)
        if options is None:
            if attribute in known and inspect.isroutine(inspect.getattr_static(target, attribute)):
                raise PluginBroken(f"{attribute} is not a hook implementation yet: {_MARK}")
            continue
        hook = options.get("specname") or attribute
        if hook not in known:
            if options.get("optionalhook"):
                continue
            raise PluginBroken(f"there is no hook {hook!r}{_nearest(hook, known)}")
        if hook in implemented:
            raise PluginBroken(f"{hook} is implemented twice, by {implemented[hook]} and {attribute}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginBroken(f"{attribute} is a hook wrapper; llmlb asks each plugin by itself, so there is nothing to wrap")
        _check_function(manager, hook, attribute, getattr(target, attribute))
        implemented[hook] = attribute
    if not implemented:
        raise PluginBroken(f"it implements no hook; write one, such as llmlb_engines, and {_MARK}")
    return implemented


def _check_function(manager: pluggy.PluginManager, hook: str, attribute: str, function: object) -> None:
    """Refuse what cannot be called, or not with what the hook offers."""
    if inspect.isasyncgenfunction(function) and hook == "llmlb_lifespan":
        raise PluginBroken(f"{attribute} is an async generator; put @asynccontextmanager under @hookimpl")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginBroken(
            f"{attribute} is 'async def', but hooks are called synchronously at start; "
            "write 'def' and do what waits in llmlb_lifespan or in the methods of what it returns"
        )
    offered: tuple[str, ...] = getattr(manager.hook, hook).spec.argnames
    if not callable(function):
        raise PluginBroken(f"{attribute} is not a function")
    parameters = inspect.signature(function).parameters.values()
    demanded = [each.name for each in parameters if each.default is each.empty and each.name != "self"]
    unknown = [name for name in demanded if name not in offered]
    if unknown:
        wanted = f"{attribute} takes {', '.join(unknown)}"
        raise PluginBroken(f"{wanted}, but the hook offers {', '.join(offered) or 'no arguments'}")


def _nearest(hook: str, known: tuple[str, ...]) -> str:
    """Return a hint at the hook that was meant."""
    near = difflib.get_close_matches(hook, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"


def register(manager: pluggy.PluginManager, name: str, target: object) -> dict[str, pluggy.HookImpl]:
    """Hand a checked plugin to pluggy and return its implementations by hook name."""
    if manager.is_registered(target):
        raise PluginBroken("another entry point names the same module; a plugin has one name")
    try:
        manager.register(target, name)
    except pluggy.PluginValidationError as error:
        raise PluginBroken(f"pluggy refuses it: {error}") from error
    implementations: dict[str, pluggy.HookImpl] = {}
    for hook in hook_names():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin_name == name:
                implementations[hook] = implementation
    return implementations


def call_hook(implementation: pluggy.HookImpl, **offered: object) -> Any:
    """Call one implementation with those of the offered arguments that it takes.

    Raises:
        PluginBroken: It returned something to be awaited.
    """
    result = implementation.function(*(offered[name] for name in implementation.argnames))
    if isinstance(result, Coroutine):
        result.close()
        raise PluginBroken(f"{implementation.function.__name__} returned a coroutine, but hooks are synchronous")
    return result
