"""What can be set of the tries of one call."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.settings.declare import setting


@frozen
class DispatchSettings:
    """``[dispatch]``: what happens to a call whose endpoint fails before its first content is out."""

    max_attempts: int = setting(8, "Attempts of one call, over all endpoints and fallback models.", minimum=1, maximum=100)
    max_attempts_per_endpoint: int = setting(3, "Attempts of one call at one endpoint.", minimum=1, maximum=10)
    back_off_s: float = setting(
        0.1,
        "Before the same endpoint is asked again: a random time up to this; twice as much at every further time.",
        minimum=0.001,
        maximum=60,
    )
    max_back_off_s: float = setting(2.0, "It never takes longer than this.", minimum=0.001, maximum=60)
    max_retry_after_s: float = setting(
        5.0, "A `Retry-After` up to this is waited for where no other endpoint has the model.", minimum=0, maximum=300
    )
    retry_budget_0_1: float = setting(
        0.2,
        "Share of an endpoint's calls of the last 10 s that it may get once more as repeated attempts; the first move of a call to "
        "another endpoint is free.",
        minimum=0,
        maximum=1,
    )
    retry_floor: int = setting(
        10, "So many repeated attempts in 10 s are allowed at an endpoint anyway.", minimum=0, maximum=10_000
    )
    continue_streams: bool = setting(
        True,
        "Where no other endpoint says the same, have one go on with the text of a stream that broke, if its kind can do that; "
        "the text of such streams is kept meanwhile, up to 64 KiB each.",
    )
    hedge: bool = setting(
        False,
        "Ask a second endpoint for a stream whose first content takes longer than that of 95 % of the model's calls; "
        "off by itself while calls wait or nothing else is free.",
    )
    hedge_0_1: float = setting(0.05, "Share of streams that may be asked for twice.", minimum=0, maximum=1)
