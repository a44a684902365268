"""Rules 2 and 3: where a model cannot serve a call, its fallback models do, in their order."""

from __future__ import annotations

import pytest
from llmlb_testing.doors import open_doors

from llmlb_core.faults.caller import make_call
from llmlb_core.faults.case import Case, request_body
from llmlb_core.faults.fault import WORKS
from llmlb_core.faults.named import FAULTS
from llmlb_core.faults.server import FaultServer
from llmlb_core.faults.told import read_told

from .suite import TOML, caller_of, endpoint_toml, settings_of

CASE = Case(name="fallback", says="", sees="", rules=(3,), faults=())
PROMPT = "where to go"


@pytest.fixture(params=["wire", "asgi"])
async def ask(request, tmp_path):
    """Asks model ``first``, whose fallbacks are ``second`` and ``third``, while faults meet the attempts; tells what was seen."""
    async with FaultServer.open() as server:
        names = ["first", "second", "third"]
        tables = [endpoint_toml(f"e-{name}", f"{server.url}/{name}", name) for name in names]
        toml = TOML.format(router="auto") + '[models.first]\nfallback = ["second", "third"]\n\n' + "".join(tables)
        async with open_doors(settings_of(tmp_path / "data", toml)) as doors:

            async def ask(*faults, mode="stream", model="first"):
                plan = server.plan(PROMPT, *faults)
                body = request_body(CASE, mode, model, PROMPT)
                seen = await make_call(caller_of(request.param, doors), CASE.path, body, 15)
                return seen, [(visit.endpoint, visit.asked.model) for visit in plan.visits]

            yield ask


@pytest.mark.parametrize("mode", ["stream", "plain"])
async def test_rule_2_a_long_prompt_goes_to_another_model_and_not_again_to_the_same(ask, mode):
    """``context_length_exceeded`` speaks of the model: another one may have a larger window."""
    seen, visits = await ask(FAULTS["context_length"], WORKS, mode=mode)

    assert 200 == seen.status, seen.body
    assert [("first", "first"), ("second", "second")] == visits
    assert read_told(seen).is_finished(1)


@pytest.mark.parametrize("mode", ["stream", "plain"])
async def test_rule_2_a_filtered_prompt_goes_to_no_other_model(ask, mode):
    """A refusal of the content is passed on with its reason."""
    seen, visits = await ask(FAULTS["content_filter"], WORKS, mode=mode)

    assert (400, "content_filter") == (seen.status, read_told(seen).errors[0]["code"])
    assert [("first", "first")] == visits


async def test_rule_3_the_fallback_comes_after_the_model_itself(ask):
    """The only endpoint of the model is asked up to three times, after pauses; then the next model serves the call."""
    seen, visits = await ask(*[FAULTS["500"]] * 3, WORKS)

    assert 200 == seen.status, seen.body
    assert [("first", "first")] * 3 + [("second", "second")] == visits
    assert read_told(seen).is_finished(1)


async def test_rule_3_a_long_wait_is_not_waited_for_where_another_model_serves(ask):
    """``Retry-After: 60``: the next model serves the call at once."""
    seen, visits = await ask(FAULTS["429_retry_after_60"], WORKS)

    assert 200 == seen.status, seen.body
    assert [("first", "first"), ("second", "second")] == visits
    assert seen.seconds < 5


async def test_rule_7_a_break_is_replayed_by_a_fallback_that_says_the_same(ask):
    """Other candidates of the model come first; here there is none."""
    seen, visits = await ask(FAULTS["cut"], WORKS)
    told = read_told(seen)

    assert told.is_finished(1) or (len(told.errors) == 1 and not told.sentinels)
    assert not told.is_finished(1) or len(visits) >= 2


async def test_rule_10_the_model_that_served_is_named(ask):
    """The answer's ``model`` is the fallback's, whatever was asked for."""
    seen, _ = await ask(FAULTS["context_length"], WORKS, mode="plain")

    assert b'"model":"second"' in bytes(seen.body).replace(b" ", b"")
