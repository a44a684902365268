"""What can be set of routing: who gets a call."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.settings.declare import setting


@frozen
class RankSettings:
    """``[[routing.routers]] ranks``: one of them, where its scorer's name alone does not say it."""

    scorer: str = setting("", "Name of the scorer.")
    tolerance: float = setting(0.0, "What is worse than the best by at most this share counts as equal.", minimum=0, maximum=1000)
    slack: float = setting(0.0, "The same in the scorer's own unit; the larger of the two holds.", minimum=0)


@frozen
class RouterSettings:
    """``[[routing.routers]]``: a router of your own, composed of parts that plugins bring."""

    name: str = setting("", "What settings call it; no other router has it.")
    filters: tuple[str, ...] = setting((), "Who may have a call at all; names of filters, in order.")
    ranks: tuple[str | RankSettings, ...] = setting(
        (), 'Who is better, names of scorers: later ones break ties. `{ scorer = "in_flight", slack = 1 }` widens the tie.'
    )
    picker: str = setting("rotation", "Who of those that are equally good; name of a picker.")


@frozen
class RoutingSettings:
    """``[routing]``: who gets a call."""

    router: str = setting(
        "auto", "Name of the router, or of one in `routers`.", env=("LLMLB_LOAD_BALANCER_MODE", "LOAD_BALANCER_MODE")
    )
    keys: dict[str, str] = setting(dict, "Router of a principal's calls, by its id or name, whatever the model.")
    routers: tuple[RouterSettings, ...] = setting((), "Routers of your own.")
