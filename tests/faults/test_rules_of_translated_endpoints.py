"""All cases of the fault suite, at endpoints whose dialect is another one than the client's: every answer is translated."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from llmlb_dialect_openai.server.dialect import OpenAIServerDialect
from llmlb_testing.doors import open_doors

from llmlb_core.faults.cases import CASES
from llmlb_core.faults.runner import run_cases
from llmlb_core.faults.server import FaultServer

from .suite import InProcess, caller_of, settings_of, suite_toml

OTHERWISE = {
    "whole_works plain": "its body has a parameter that is checked where it is read: 400 before anything is sent",
    "cut_when_large plain": "nothing goes out before all is there, so the other endpoint answers: better than what is asked for",
}
"""What is seen of these is another thing, for a reason."""


class OtherDialect(OpenAIServerDialect):
    """What the fault server speaks, under another name: nothing is relayed."""

    name = "other"


def _prepare(house):
    house.host.registry.server_dialects["other"] = OtherDialect()


async def _play(folder, plane):
    async with FaultServer.open() as server:
        toml = suite_toml("auto", server.url).replace("[[endpoints]]\n", '[[endpoints]]\ndialects = ["other"]\n')
        async with open_doors(settings_of(folder, toml), _prepare) as doors:
            caller = caller_of(plane, doors)
            return [each async for each in run_cases(CASES, InProcess(doors), server, caller, at_a_time=16)]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results by plane."""
    found = {}
    for plane in ("wire", "asgi"):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found[plane] = runner.run(_play(tmp_path_factory.mktemp(plane), plane))
    return found


@pytest.mark.parametrize("plane", ["wire", "asgi"])
def test_every_rule_holds_where_answers_are_translated(results, plane):
    """The same table, the same judge."""
    failed = {f"{each.name} {each.mode}": each.problems for each in results[plane] if not each.is_passed}

    assert set(OTHERWISE) == set(failed), failed
