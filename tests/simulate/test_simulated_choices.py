"""What routers choose in simulations: recorded, so that whoever makes one cheaper sees that it decides as before."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from llmlb_router_auto.pace import Pace, Usual

from llmlb_core import Composed
from llmlb_core.settings.load import load_settings
from llmlb_core.simulate.brought import bring, router_names
from llmlb_core.simulate.run import Run
from llmlb_core.simulate.source import open_source, shipped_names

RECORDED = Path(__file__).parent / "choices.json"
CALLS = 800


def run(tmp_path, trace, router, seed=7):
    settings = load_settings(environ={}, data_dir=tmp_path)
    brought, source = bring(settings, router), open_source(trace, calls=CALLS)
    choices = []
    choose = brought.router.choose

    def noted(call, candidates):
        choice = choose(call, candidates)
        choices.append((choice.candidate.endpoint.name, choice.reason))
        return choice

    brought.router.choose = noted
    result = Run(source.scenario, brought, settings.admission, seed=seed).go(source.calls(seed))
    return choices, result


def recorded(tmp_path):
    """Return, by trace and router, the 99th percentile in milliseconds and who got how many calls."""
    table = {}
    for trace in shipped_names():
        for router in router_names(load_settings(environ={}, data_dir=tmp_path)):
            choices, result = run(tmp_path, trace, router)
            shares = {name: sum(each == name for each, _ in choices) for name in sorted({name for name, _ in choices})}
            table.setdefault(trace, {})[router] = {"p99_ms": round(result.first_token.p99_s * 1000), "calls": shares}
    return table


def test_choices_are_those_that_were_recorded(tmp_path):
    """``LLMLB_UPDATE=1`` records them anew, for a change that is meant to choose otherwise."""
    table = recorded(tmp_path)
    if "LLMLB_UPDATE" in os.environ:
        RECORDED.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")

    assert json.loads(RECORDED.read_text(encoding="utf-8")) == table


@pytest.mark.parametrize("trace", ["heavy", "slow", "uniform"])
@pytest.mark.parametrize("router", ["auto", "latency"])
def test_short_cuts_change_no_choice(tmp_path, monkeypatch, trace, router):
    """Every part asked for every call, every call learned the long way: the same endpoints, for the same reasons."""
    with_short_cuts, _ = run(tmp_path, trace, router)
    monkeypatch.setattr(Composed, "choose", Composed._ask)
    for kind in (Pace, Usual):
        monkeypatch.setattr(kind, "is_settled", property(lambda _: False, lambda _self, _value: None), raising=False)

    without, _ = run(tmp_path, trace, router)

    assert without == with_short_cuts
