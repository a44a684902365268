"""Random arrivals and lengths, from a seed."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate, count
from random import Random

from llmlb_core.simulate.scenario import Lengths, Traffic


def arrivals(traffic: Traffic, calls_per_s: float, chance: Random) -> Iterator[float]:
    """Yield times from 0 on, for ever, *calls_per_s* of them in the mean."""
    if traffic.arrivals == "uniform":
        return (number / calls_per_s for number in count())
    if traffic.arrivals == "poisson":
        return accumulate(iter(lambda: chance.expovariate(calls_per_s), None))
    return _bursts(traffic, calls_per_s, chance)


def _bursts(traffic: Traffic, calls_per_s: float, chance: Random) -> Iterator[float]:
    share, factor = traffic.burst_share, traffic.burst_factor
    burst = calls_per_s * factor
    calm = calls_per_s * max(0.0, 1 - factor * share) / (1 - share)
    calm_s = traffic.burst_s * (1 - share) / share
    now, is_burst = 0.0, False
    while True:
        rate, mean_s = (burst, traffic.burst_s) if is_burst else (calm, calm_s)
        end = now + chance.expovariate(1 / mean_s)
        while rate and (now := now + chance.expovariate(rate)) < end:
            yield now
        now, is_burst = end, not is_burst


def lengths(wanted: Lengths, chance: Random) -> Callable[[], int]:
    """Return what draws numbers of tokens, from 1 to ``most``."""
    most, mean, shape = wanted.most, wanted.mean, wanted.shape
    if wanted.kind == "fixed":
        size = min(most, round(mean))
        return lambda: size
    if wanted.kind == "uniform":
        return lambda: min(most, chance.randint(1, max(1, round(2 * mean) - 1)))
    if wanted.kind == "lognormal":
        mu = math.log(mean) - shape * shape / 2
        return lambda: max(1, min(most, round(math.exp(mu + shape * chance.gauss(0.0, 1.0)))))
    least = mean * (shape - 1) / shape
    return lambda: max(1, min(most, round(least * (1.0 - chance.random()) ** (-1 / shape))))


def picker(size: int, skew: float, chance: Random) -> Callable[[], int]:
    """Return what draws numbers below *size*; number *n* is drawn ``1 / (n + 1) ** skew`` times as often as the first."""
    if size <= 1:
        return lambda: 0
    if not skew:
        return lambda: int(chance.random() * size)
    sums = list(accumulate((number + 1) ** -skew for number in range(size)))
    total = sums[-1]
    return lambda: bisect(sums, chance.random() * total, 0, size - 1)
