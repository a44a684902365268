"""A scenario: endpoints and traffic, as a trace file in TOML describes them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from llmlb_core.errors import TraceInvalid
from llmlb_core.settings.problems import Path as KeyPath
from llmlb_core.settings.problems import Problems
from llmlb_core.settings.sections import setting
from llmlb_core.settings.structure import structure_class

MAX_ENDPOINTS = 100_000


@frozen
class Lengths:
    """``{ kind = "…", mean = … }``: how many tokens."""

    kind: Literal["fixed", "uniform", "lognormal", "pareto"] = setting(
        "fixed", "`fixed`; `uniform` from 1 to twice the mean; `lognormal` and `pareto` have heavy tails."
    )
    mean: float = setting(256.0, "Mean; of `lognormal` and `pareto` before `most` cuts the tail.", minimum=1)
    shape: float = setting(1.5, "Of `pareto`, the tail's exponent; of `lognormal`, the deviation of the logarithm.", minimum=0.01)
    most: int = setting(32_768, "Longer ones are cut to this.", minimum=1)


@frozen
class Prefixes:
    """``[traffic.prefixes]``: beginnings of prompts that many calls share."""

    count: int = setting(0, "How many there are; 0 = none.", minimum=0, maximum=1_000_000)
    tokens: int = setting(1000, "Tokens of each, before the prompt's own.", minimum=1)
    skew: float = setting(1.0, "0 = all equally often; 1 = the second half as often as the first, and so on (Zipf).", minimum=0)


@frozen
class Sessions:
    """``[traffic.sessions]``: conversations, each call of which sends all that was said before."""

    turns: float = setting(1.0, "Mean calls of a conversation; 1 = none.", minimum=1)
    pause_s: float = setting(20.0, "Mean time from one call of a conversation to the next.", minimum=0.01)


@frozen
class Traffic:
    """``[[traffic]]``: one stream of calls."""

    model: str = setting("m", "What is called.")
    calls_per_s: float = setting(1.0, "Mean over the whole time.", minimum=1e-6)
    arrivals: Literal["poisson", "uniform", "bursty"] = setting(
        "poisson", "`poisson`: independent callers; `uniform`: like a clock; `bursty`: Poisson, with bursts."
    )
    burst_factor: float = setting(5.0, "Calls in a burst, relative to the mean.", minimum=1)
    burst_share: float = setting(0.1, "Share of the time that bursts take.", minimum=0.001, maximum=0.999)
    burst_s: float = setting(5.0, "Mean length of a burst.", minimum=0.001)
    prompt_tokens: Lengths = setting(Lengths(), "A prompt's own tokens, without what it shares.")
    output_tokens: Lengths = setting(Lengths(mean=128), "Tokens of an answer.")
    principals: int = setting(1, "How many call.", minimum=1, maximum=1_000_000)
    principal_skew: float = setting(0.0, "0 = all equally often; 1 = as for `prefixes`.", minimum=0)
    prefixes: Prefixes = setting(Prefixes(), "Shared beginnings.")
    sessions: Sessions = setting(Sessions(), "Conversations.")


@frozen
class EndpointGroup:
    """``[[endpoints]]``: equal endpoints."""

    name: str = setting("endpoint", "Name, or its beginning where there are several.")
    count: int = setting(1, "How many there are.", minimum=1, maximum=MAX_ENDPOINTS)
    models: tuple[str, ...] = setting(("m",), "What they serve.")
    slots: int = setting(8, "Calls that one takes at a time.", minimum=1, maximum=100_000)
    prefill_tokens_per_s: float = setting(8000.0, "Prompt tokens that one reads; one prompt after the other.", minimum=0.001)
    decode_tokens_per_s: float = setting(400.0, "Tokens that one generates, over all its calls.", minimum=0.001)
    call_tokens_per_s: float = setting(60.0, "Tokens that one generates for one call at most.", minimum=0.001)
    cache_tokens: int = setting(0, "Prompt tokens that one remembers; 0 = none.", minimum=0)
    failure_rate: float = setting(0.0, "Share of calls that fail before their first token.", minimum=0, maximum=1)
    failure_s: float = setting(0.05, "How long such a call takes.", minimum=0)
    down: tuple[tuple[float, float], ...] = setting((), "When they are down: `[[from_s, until_s], …]`, from the start.")
    notice_s: float = setting(5.0, "How long nobody notices that they are down, or up again.", minimum=0)


@frozen
class Scenario:
    """A trace file: endpoints and traffic."""

    title: str = setting("", "One sentence.")
    name: str = setting("", "What reports call it; absent = the file's name.")
    calls: int = setting(10_000, "Calls, over all streams.", minimum=1, maximum=100_000_000)
    slo_first_token_s: float = setting(1.0, "Calls whose first token comes later do not count as good.", minimum=0)
    traffic: tuple[Traffic, ...] = setting((), "Streams of calls.")
    endpoints: tuple[EndpointGroup, ...] = setting((), "Endpoints.")

    @property
    def endpoint_count(self) -> int:
        """Over all groups."""
        return sum(group.count for group in self.endpoints)

    def scaled_to(self, endpoint_count: int) -> Scenario:
        """Return the scenario with about *endpoint_count* endpoints, and as much traffic for each as before."""
        factor = endpoint_count / self.endpoint_count
        groups = tuple(evolve(group, count=max(1, round(group.count * factor))) for group in self.endpoints)
        factor = sum(group.count for group in groups) / self.endpoint_count
        streams = tuple(evolve(stream, calls_per_s=stream.calls_per_s * factor) for stream in self.traffic)
        return evolve(self, traffic=streams, endpoints=groups)


def read_scenario(file: Path, *, needs_traffic: bool = True) -> Scenario:
    """Read a trace file in TOML.

    Args:
        file: Where it is.
        needs_traffic: Whether it must say who calls; a history brings its own.

    Raises:
        TraceInvalid: It cannot be read, or is wrong; names every problem.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TraceInvalid(f"{file}: cannot be read: {error.strerror}.") from error
    except ValueError as error:  # of tomllib, with line and column, and of bytes that are no UTF-8
        raise TraceInvalid(f"{file}: is no TOML: {error}.") from error
    problems = Problems(lambda _path: "")
    scenario = structure_class(Scenario, table, (), problems)
    if not problems.lines:
        _check(scenario, problems, needs_traffic=needs_traffic)
    if problems.lines:
        raise TraceInvalid("\n".join(f"{file}: {line}" for line in problems.lines))
    assert isinstance(scenario, Scenario)
    return scenario if scenario.name else evolve(scenario, name=file.stem)


def _check(scenario: Scenario, problems: Problems, *, needs_traffic: bool) -> None:
    """Note what no single field can know."""
    if needs_traffic and not scenario.traffic:
        problems.add(("traffic",), "expected at least one [[traffic]], got none")
    if not scenario.endpoints:
        problems.add(("endpoints",), "expected at least one [[endpoints]], got none")
    if scenario.endpoint_count > MAX_ENDPOINTS:
        problems.add(("endpoints",), f"expected at most {MAX_ENDPOINTS} endpoints in all, got {scenario.endpoint_count}")
    names = [group.name for group in scenario.endpoints]
    for index, group in enumerate(scenario.endpoints):
        if group.name in names[:index]:
            problems.add(("endpoints", index, "name"), f"{group.name!r} is the name of an earlier one")
        for number, (begin, end) in enumerate(group.down):
            if not 0 <= begin < end:
                problems.add(("endpoints", index, "down", number), f"expected [from_s, until_s] in order, got [{begin:g}, {end:g}]")
    served = {model for group in scenario.endpoints for model in group.models}
    for index, stream in enumerate(scenario.traffic if served else ()):
        _check_stream(("traffic", index), stream, served, problems)


def _check_stream(path: KeyPath, stream: Traffic, served: set[str], problems: Problems) -> None:
    """Note what is wrong with one stream."""
    if stream.model not in served:
        known = ", ".join(sorted(served))
        problems.add((*path, "model"), f"no [[endpoints]] has {stream.model!r}; they have: {known}")
    share = stream.burst_factor * stream.burst_share
    if stream.arrivals == "bursty" and share > 1:
        problems.add((*path, "burst_factor"), f"expected at most {1 / stream.burst_share:g}: burst_share holds all calls then")
    for name, wanted in (("prompt_tokens", stream.prompt_tokens), ("output_tokens", stream.output_tokens)):
        if wanted.kind == "pareto" and wanted.shape <= 1:
            problems.add((*path, name, "shape"), f"expected above 1, as a pareto has no mean below, got {wanted.shape:g}")
