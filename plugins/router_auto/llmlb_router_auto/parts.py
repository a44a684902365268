"""The routers, and the parts they are composed of."""

from __future__ import annotations

from llmlb_core import Composed, Feedback, Filter, Idle, InFlight, Picker, Rank, Rotation, Scorer
from llmlb_router_auto.failing import Failures, NotFailing
from llmlb_router_auto.gpu import Gpu
from llmlb_router_auto.paces import Paces
from llmlb_router_auto.settings import AutoSettings
from llmlb_router_auto.waits import ExpectedWait, FirstToken, RoundTrip, WithinReach
from llmlb_router_auto.weighted import Weighted

EQUAL = 0.2
"""A wait that is a fifth longer counts as equal (decided for 66555000-F13, 63acef08-S1)."""

EQUAL_S = 0.005


class AutoParts:
    """All that the plugin contributes; each part is one object, whoever uses it."""

    def __init__(self, settings: AutoSettings) -> None:
        """Make them."""
        paces, failures = Paces(settings.reach), Failures(settings.set_aside_s, settings.set_aside_max_s)
        not_failing, within_reach = NotFailing(failures), WithinReach(paces)
        idle, in_flight, round_trip = Idle(), InFlight(), RoundTrip()
        wait, first_token = ExpectedWait(paces), FirstToken(paces)
        gpu = Gpu(settings.gpu_percent, settings.vram_percent)
        weighted = Weighted(settings.weights)
        self.filters: tuple[Filter, ...] = (not_failing, within_reach)
        self.scorers: tuple[Scorer, ...] = (idle, wait, first_token, round_trip, gpu, in_flight)
        self.pickers: tuple[Picker, ...] = (Rotation(), weighted)
        self.feedbacks: tuple[Feedback, ...] = (paces, failures)
        self.routers: tuple[Composed, ...] = (
            Composed(
                "auto",
                (not_failing, within_reach),
                (Rank(idle), Rank(wait, tolerance=EQUAL, slack=EQUAL_S), Rank(gpu), Rank(in_flight)),
                Rotation(),
            ),
            Composed(
                "latency",
                (not_failing,),
                (
                    Rank(first_token, tolerance=EQUAL, slack=EQUAL_S),
                    Rank(round_trip, tolerance=EQUAL, slack=EQUAL_S),
                    Rank(in_flight),
                ),
                Rotation(),
            ),
            Composed("weighted", (not_failing,), (), weighted),
        )
