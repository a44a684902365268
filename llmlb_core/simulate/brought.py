"""What plugins bring to a simulation: routers, the admission policy, and the feedback that routers learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from llmlb_core.contracts.admission import AdmissionPolicy
from llmlb_core.contracts.dialect import Dialect
from llmlb_core.contracts.observer import Feedback
from llmlb_core.contracts.router import Router
from llmlb_core.errors import PluginBroken
from llmlb_core.plugin_host.loader import load_plugins

if TYPE_CHECKING:
    from llmlb_core.settings.sections import Settings

_HOOKS = ("llmlb_routers", "llmlb_observers", "llmlb_dialects")


@frozen
class Brought:
    """One router as a server would have it that has just started.

    Attributes:
        feedbacks: By name; of plugins that bring routers or policies. Those of others count what real callers may still do.
        dialects: By name.
    """

    router: Router
    policy: AdmissionPolicy
    feedbacks: Mapping[str, Feedback]
    dialects: Mapping[str, Dialect]


def router_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of all routers that active plugins bring."""
    return tuple(sorted(load_plugins(settings, enforce=False, hooks=_HOOKS).registry.routers))


def bring(settings: Settings, router: str) -> Brought:
    """Return a router that has seen no call, with what belongs to it.

    Plugins are loaded once more for each run, so that nothing one run has taught is known to the next.

    Raises:
        PluginBroken: No active plugin brings the router, or the policy that settings name.
    """
    registry = load_plugins(settings, enforce=False, hooks=_HOOKS).registry
    policy = settings.admission.policy
    for name, known, what in ((router, registry.routers, "router"), (policy, registry.admission_policies, "admission policy")):
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise PluginBroken(f"no active plugin brings the {what} {name!r}; there are: {there} (see 'llmlb plugins')")
    deciding = {plugin for key, plugin in registry.owners.items() if key.startswith(("router:", "admission:"))}
    feedbacks = {name: each for name, each in registry.feedbacks.items() if registry.owners.get(f"feedback:{name}") in deciding}
    return Brought(registry.routers[router], registry.admission_policies[policy], feedbacks, registry.dialects)
