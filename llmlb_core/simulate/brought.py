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
from llmlb_core.plugin_host.registry import Registry
from llmlb_core.routing.learning import feedback_in_use
from llmlb_core.routing.named import Parts, make_table, unknown_text

if TYPE_CHECKING:
    from llmlb_core.settings.sections import Settings

_DECIDING = frozenset({"router", "filter", "scorer", "picker", "admission"})
_HOOKS = ("llmlb_routers", "llmlb_observers", "llmlb_dialects")


@frozen
class Brought:
    """One router as a server would have it that has just started.

    Attributes:
        feedbacks: By name; what the router and the policy learn from. Those of plugins that bring no part of either count what real
            callers may do, and are left out.
        dialects: By name.
    """

    router: Router
    policy: AdmissionPolicy
    feedbacks: Mapping[str, Feedback]
    dialects: Mapping[str, Dialect]


def router_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of all routers: those of active plugins, and those that ``[[routing.routers]]`` composes.

    Raises:
        SettingsInvalid: Settings name a router, or a part of one, that nothing brings.
    """
    return tuple(sorted(_routers(settings, load_plugins(settings, enforce=False, hooks=_HOOKS).registry)))


def bring(settings: Settings, router: str) -> Brought:
    """Return a router that has seen no call, with what belongs to it.

    Plugins are loaded once more for each run, so that nothing one run has taught is known to the next.

    Raises:
        PluginBroken: No active plugin brings the router, or the policy that settings name.
        SettingsInvalid: As for ``router_names``.
    """
    registry = load_plugins(settings, enforce=False, hooks=_HOOKS).registry
    routers, policies = _routers(settings, registry), registry.admission_policies
    if router not in routers:
        raise PluginBroken(unknown_text("router", router, routers))
    if settings.admission.policy not in policies:
        raise PluginBroken(unknown_text("admission policy", settings.admission.policy, policies))
    deciding = {plugin for key, plugin in registry.owners.items() if key.partition(":")[0] in _DECIDING}
    feedbacks = {name: each for name, each in registry.feedbacks.items() if registry.owners.get(f"feedback:{name}") in deciding}
    chosen, policy = routers[router], policies[settings.admission.policy]
    return Brought(chosen, policy, feedback_in_use(feedbacks, [chosen], policy), registry.dialects)


def _routers(settings: Settings, registry: Registry) -> Mapping[str, Router]:
    parts = Parts(registry.routers, registry.filters, registry.scorers, registry.pickers)
    return make_table(settings, parts).by_name
