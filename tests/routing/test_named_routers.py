"""Routers by name: from plugins, composed in settings, for a model, for a key."""

from __future__ import annotations

import pytest
from llmlb_router_basic.round_robin import RoundRobin
from llmlb_testing.calls import candidates, make_call

from llmlb_core import Composed, Idle, InFlight, Rotation
from llmlb_core.errors import SettingsInvalid
from llmlb_core.routing.named import Parts, make_table
from llmlb_core.settings.load import load_settings

PARTS = Parts(
    {"auto": Composed("auto", (), (), Rotation()), "round_robin": RoundRobin()},
    {},
    {"idle": Idle(), "in_flight": InFlight()},
    {"rotation": Rotation()},
)


def table(tmp_path, text, **environ):
    (tmp_path / "llmlb.toml").write_text(text)
    return make_table(load_settings(environ=environ, data_dir=tmp_path), PARTS)


def router_of(made, principal="A", model="m", name=""):
    target = candidates(1, model=model)[0].target
    return made(make_call(principal, model=model, name=name), target).name


def test_the_default_is_auto(tmp_path):
    """What nobody says anything about."""
    assert "auto" == table(tmp_path, "").default.name


def test_the_environment_chooses_and_really_does(tmp_path):
    """``LLMLB_LOAD_BALANCER_MODE``, which the original logged and never read (589f2df1-F15)."""
    made = table(tmp_path, '[routing]\nrouter = "auto"', LLMLB_LOAD_BALANCER_MODE="round_robin")

    assert "round_robin" == router_of(made)


def test_a_model_has_its_own_router_and_a_key_comes_first(tmp_path):
    """Whoever names a caller means exactly that caller."""
    made = table(
        tmp_path,
        """
        [routing]
        keys = { batch = "composed", "key:1" = "auto" }
        [[routing.routers]]
        name = "composed"
        ranks = ["idle", { scorer = "in_flight", slack = 1 }]
        [models.x]
        router = "round_robin"
        """,
    )

    assert "auto" == router_of(made)
    assert "round_robin" == router_of(made, model="x")
    assert "composed" == router_of(made, "key:2", "x", name="batch")
    assert "auto" == router_of(made, "key:1", "x")


def test_a_composed_router_ranks_as_settings_say(tmp_path):
    """Idle first; one call more or less is equal; then the turn (589f2df1-F12)."""
    made = table(
        tmp_path,
        '[routing]\nrouter = "own"\n[[routing.routers]]\nname = "own"\nranks = ["idle", { scorer = "in_flight", slack = 1 }]',
    )
    offered = candidates(4)
    for each, count in zip(offered, (3, 1, 2, 1), strict=True):
        each.in_flight = count

    order = [made.default.choose(make_call(), offered).candidate.position for _ in range(4)]

    assert [1, 2, 3, 1] == order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[routing]\nrouter = "round_robbin"',
            (
                "routing.router: no active plugin brings the router 'round_robbin'; did you mean 'round_robin'? "
                "there are: auto, round_robin (see 'llmlb plugins')"
            ),
        ),
        (
            '[routing]\nkeys = { k = "x" }',
            "routing.keys.k: no active plugin brings the router 'x'; there are: auto, round_robin (see 'llmlb plugins')",
        ),
        (
            '[models.a]\nrouter = "x"',
            "models.a.router: no active plugin brings the router 'x'; there are: auto, round_robin (see 'llmlb plugins')",
        ),
        (
            '[[routing.routers]]\nname = "n"\nranks = ["idel"]',
            (
                "routing.routers[0].ranks[0]: no active plugin brings the scorer 'idel'; did you mean 'idle'? "
                "there are: idle, in_flight (see 'llmlb plugins')"
            ),
        ),
        (
            '[[routing.routers]]\nname = "n"\nfilters = ["x"]',
            "routing.routers[0].filters[0]: no active plugin brings the filter 'x'; there are: none (see 'llmlb plugins')",
        ),
        (
            '[[routing.routers]]\nname = "n"\npicker = "x"',
            "routing.routers[0].picker: no active plugin brings the picker 'x'; there are: rotation (see 'llmlb plugins')",
        ),
        (
            '[[routing.routers]]\nname = "auto"',
            "routing.routers[0].name: is 'auto', as that of another router; choose another",
        ),
        ("[[routing.routers]]\n", "routing.routers[0].name: is missing; expected a name that no other router has"),
    ],
)
def test_a_name_that_nothing_has_is_told_with_those_that_there_are(tmp_path, text, expected):
    """At start and by ``llmlb config check``, with the place where it stands."""
    with pytest.raises(SettingsInvalid) as caught:
        table(tmp_path, text)

    assert f"{expected} ({tmp_path / 'llmlb.toml'})" == caught.value.message


def test_all_wrong_names_are_told_at_once(tmp_path):
    """Nobody likes to be told one at a time."""
    with pytest.raises(SettingsInvalid) as caught:
        table(tmp_path, '[routing]\nrouter = "x"\n[[routing.routers]]\nname = "n"\nranks = ["y"]\npicker = "z"')

    assert 4 == len(caught.value.message.splitlines())


@pytest.mark.parametrize(
    ("rank", "expected"),
    [
        ("3", "routing.routers[0].ranks[0]: expected a string or a table, got the integer 3"),
        (
            '{ scorer = "idle", tolerence = 1 }',
            "routing.routers[0].ranks[0].tolerence: is not a setting; did you mean 'tolerance'?",
        ),
        ('{ scorer = "idle", tolerance = -1 }', "routing.routers[0].ranks[0].tolerance: expected at least 0, got -1"),
    ],
)
def test_a_rank_of_the_wrong_shape_is_told(tmp_path, rank, expected):
    """With its place."""
    with pytest.raises(SettingsInvalid) as caught:
        table(tmp_path, f'[[routing.routers]]\nname = "n"\nranks = [{rank}]')

    assert caught.value.message.startswith(expected)
