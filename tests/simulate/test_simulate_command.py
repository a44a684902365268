"""``llmlb simulate``, as somebody types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from llmlb_testing.distributions import link_core, run_isolated, write_distribution

from llmlb_core.simulate.brought import router_names

ROUTER = """
from llmlb_core import AdmissionPolicy, Admit, Choice, Feedback, Router, Wait, hookimpl

class Stubborn(Router, Feedback):
    "Goes on where the first call ended, for ever: it learns from feedback."
    name = "stubborn"
    def __init__(self):
        self.served_by = None
    def choose(self, call, candidates):
        known = [each for each in candidates if each.endpoint.name == self.served_by]
        return Choice((known or candidates)[0], "as ever")
    def on_end(self, record):
        self.served_by = self.served_by or record.served_by

class Broken(Router):
    name = "broken"
    def choose(self, call, candidates):
        raise ZeroDivisionError("secret")

class InOrder(AdmissionPolicy):
    name = "fair"
    def decide(self, call, load):
        return Admit() if load.free_count and not load.has_waiters else Wait(0.0)

class Plugin:
    def __init__(self, plugin):
        self.router = Stubborn()
    @hookimpl
    def llmlb_routers(self):
        return [self.router, Broken(), InOrder()]
    @hookimpl
    def llmlb_observers(self):
        return [self.router]
"""

SETTINGS = """
[routing]
router = "stubborn"
"""


@pytest.fixture
def simulate(tmp_path):
    """Run ``llmlb simulate`` with everything that is installed here; return what it did."""

    def run(*arguments, settings="", **environ):
        (tmp_path / "llmlb.toml").write_text(settings)
        return subprocess.run(
            [sys.executable, "-m", "llmlb_core", "simulate", *map(str, arguments), "--data-dir", str(tmp_path)],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """An environment with the core alone."""
    return link_core(tmp_path_factory.mktemp("core"))


@pytest.fixture
def alone(core, tmp_path):
    """Run ``llmlb simulate`` with the core and a plugin that has the routers of this file; or with the core alone."""

    def run(*arguments, settings=SETTINGS, with_plugin=True):
        home, site = tmp_path / "home", tmp_path / "site"
        home.mkdir(exist_ok=True)
        (home / "llmlb.toml").write_text(settings)
        if with_plugin and not site.exists():
            write_distribution(site, "acme-router", {"router_acme": "acme_router:Plugin"}, {"acme_router": ROUTER})
        return run_isolated(["simulate", *arguments], path=[core, *([site] if with_plugin else [])], home=home)

    return run


def test_routers_stand_side_by_side(simulate):
    """A line for each, in a table for each trace, and the speed on stderr (issue 4)."""
    done = simulate("slow", "uniform", "--calls", "300", "--router", "least_in_flight", "--router", "round_robin")

    assert 0 == done.returncode, done.stderr
    blocks = done.stdout.strip().split("\n\n")
    assert ["slow", "uniform"] == [block.partition(":")[0] for block in blocks]
    for block in blocks:
        lines = block.splitlines()
        assert "first token p50" in lines[1]
        assert ["least_in_flight", "round_robin"] == [line.split()[0] for line in lines[2:4]]
        assert "share: " in lines[4]
    assert 4 == len(re.findall(r"^\w+, \w+: 300 calls in [\d.]+ s, \d+ µs each$", done.stderr, re.MULTILINE))


def test_the_same_seed_gives_the_same_document_in_another_process(simulate):
    """Whatever strings hash to; another seed gives another."""
    arguments = ("prefixes", "heavy", "--calls", "400", "--json", "--seed")

    first, second = (simulate(*arguments, "5", PYTHONHASHSEED=hash_seed) for hash_seed in ("1", "2"))

    assert 0 == first.returncode, first.stderr
    assert first.stdout == second.stdout
    assert first.stdout != simulate(*arguments, "6").stdout


def test_every_router_is_tried_unless_one_is_named(simulate, settings):
    """Those of plugins, and those that settings compose."""
    composed = '[[routing.routers]]\nname = "mine"\nranks = ["in_flight"]\n'

    done = simulate("uniform", "--calls", "50", "--json", settings=composed)

    assert 0 == done.returncode, done.stderr
    assert sorted([*router_names(settings), "mine"]) == [each["router"] for each in json.loads(done.stdout)["results"]]


def test_the_picture_is_svg(simulate, tmp_path):
    """A panel for each trace, a name for each router in it."""
    picture = tmp_path / "picture.svg"

    done = simulate("uniform", "slow", "--calls", "100", "--router", "round_robin", "--router", "least_in_flight", "--svg", picture)

    assert 0 == done.returncode, done.stderr
    texts = ["".join(each.itertext()) for each in ET.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert 2 == texts.count("round_robin") == texts.count("least_in_flight")
    assert any(text.startswith("slow: ") for text in texts)


def test_a_history_is_replayed(simulate, tmp_path):
    """With its own endpoints, estimated, or with those of a fleet."""
    line = {"model": "m", "principal": "A", "endpoint": "gpu", "prompt_tokens": 100, "completion_tokens": 41}
    rows = [{**line, "started_at": 1_700_000_000_000 + 250 * n, "first_token_ms": 200.0, "duration_ms": 1000.0} for n in range(20)]
    history, fleet = tmp_path / "history.jsonl", tmp_path / "fleet.toml"
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    fleet.write_text("[[endpoints]]\nname = 'new'\ncount = 2\n")

    own = simulate(history, "--router", "round_robin", "--json")
    others = simulate(history, "--router", "round_robin", "--json", "--fleet", fleet)

    assert (0, 0) == (own.returncode, others.returncode), own.stderr + others.stderr
    (result,) = json.loads(own.stdout)["results"]
    assert ({"gpu": 1.0}, 20) == (result["share_by_endpoint"], result["served"])
    assert 1.0 == pytest.approx(result["total"]["p50_s"], rel=0.3)
    assert {"new-1": 0.5, "new-2": 0.5} == json.loads(others.stdout)["results"][0]["share_by_endpoint"]


def test_a_wrong_history_is_told_by_line(simulate, tmp_path):
    """One line on stderr, no traceback, exit code 1."""
    history = tmp_path / "history.jsonl"
    history.write_text('{"started_at": 1, "model": "m"}\n{"started_at": 1}\n')

    done = simulate(history)

    assert (1, "") == (done.returncode, done.stdout)
    assert f"llmlb: {history}:2: expected the member 'model', got 'started_at'\n" == done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nothing"], 1, "no trace is called 'nothing'; expected one of heavy, prefixes, slow, uniform"),
        (["uniform", "--router", "round_robbin"], 1, "brings the router 'round_robbin'; did you mean 'round_robin'?"),
        (["uniform", "--calls", "0"], 3, "0 is not in the range 1<=x<=100000000"),
        (
            ["uniform", "--calls", "10", "--router", "round_robin", "--svg", "/nowhere/x.svg"],
            1,
            "/nowhere/x.svg: cannot be written: No such",
        ),
    ],
)
def test_wrong_usage_is_told(simulate, arguments, code, told):
    """With the exit code that the page of commands names."""
    done = simulate(*arguments)

    assert code == done.returncode
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_router_learns_from_feedback_and_is_new_for_each_trace(alone):
    """All calls but those of the first moments go where the first one ended; nothing is known of the trace before."""
    done = alone("uniform", "slow", "--calls", "200", "--router", "stubborn", "--json")

    assert 0 == done.returncode, done.stderr
    shares = [result["share_by_endpoint"] for result in json.loads(done.stdout)["results"]]
    assert ["equal-1", "fast-1"] == [max(each, key=each.get) for each in shares]


def test_a_broken_router_is_told_and_does_not_end_the_command(alone):
    """The first faults with their traceback, all of them counted."""
    done = alone("uniform", "--calls", "200", "--router", "broken")

    assert 0 == done.returncode
    assert "errors: 200 internal_error" in done.stdout
    assert "faults: router 'broken' 200 times" in done.stdout
    assert 3 == done.stderr.count('"event":"plugin_fault"')


def test_the_core_alone_says_what_is_missing(alone):
    """There is no router to be tried."""
    done = alone("uniform", settings="", with_plugin=False)

    assert done.returncode in {1, 2}
    assert "no active plugin brings" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_traces_are_part_of_the_package():
    """Whoever installs a wheel has them."""
    from llmlb_core.simulate import source

    assert Path(source.__file__).parent == source.TRACES.parent
    assert 'packages = ["llmlb_core"]' in (source.TRACES.parents[2] / "pyproject.toml").read_text()
