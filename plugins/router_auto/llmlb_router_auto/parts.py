"""The routers, and the parts they are composed of."""

from __future__ import annotations

from llmlb_core import Composed, Feedback, Filter, Idle, InFlight, Picker, Rank, Rotation, Scorer
from llmlb_router_auto.failing import Failures, NotFailing
from llmlb_router_auto.gpu import Gpu
from llmlb_router_auto.latencies import Latencies
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
        failures = Failures(settings.set_aside_s, settings.set_aside_max_s)
        paces = Paces(settings.reach, failures)
        not_failing, within_reach = NotFailing(failures), WithinReach(paces)
        not_failing_alone = NotFailing(failures)
        idle, in_flight, round_trip = Idle(), InFlight(), RoundTrip()
        latencies = Latencies()
        wait, first_token = ExpectedWait(paces), FirstToken(latencies, paces)
        gpu = Gpu(settings.gpu_percent, settings.vram_percent)
        weighted = Weighted(settings.weights)
        self.filters: tuple[Filter, ...] = (not_failing, within_reach)
        self.scorers: tuple[Scorer, ...] = (idle, wait, first_token, round_trip, gpu, in_flight)
        self.pickers: tuple[Picker, ...] = (Rotation(), weighted)
        # Where paces are learned, failures are told by them; where only `weighted` is in use, nobody needs to learn paces.
        paces.serves, failures.serves = (not_failing, within_reach, wait, first_token), (not_failing_alone,)
        latencies.serves = (first_token,)
        self.feedbacks: tuple[Feedback, ...] = (paces, latencies, failures)
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
            Composed("weighted", (not_failing_alone,), (), weighted),
        )
