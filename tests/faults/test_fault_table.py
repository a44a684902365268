"""Every fault of the table, through both planes and three routers: what a client must see of it, rule by rule.

A cell is red for any of these: something else was seen; it ended after its deadline; a cut answer looked finished; an endpoint saw
more than three attempts; a call after it did not work; something was still in flight.
"""

from __future__ import annotations

import pytest

from llmlb_core.faults.cases import CASES
from llmlb_core.faults.named import FAULTS

PLANES = ("wire", "asgi")
ROUTERS = ("auto", "round_robin", "least_in_flight")


def cells(rule: int):
    """Return a parameter for each cell of *rule*: case, mode, plane and router."""
    return pytest.mark.parametrize(
        ("name", "mode", "plane", "router"),
        [
            pytest.param(case.name, mode, plane, router, id=f"{case.name}-{mode}-{plane}-{router}")
            for plane in PLANES
            for router in ROUTERS
            for case in CASES
            for mode in case.modes
            if rule in case.rules
        ],
    )


@pytest.fixture
def problems(card_of, name, mode, plane, router) -> str:
    """What was wrong with one cell, in a line each."""
    return "\n".join(card_of(plane, router).results[name, mode].problems)


@cells(1)
def test_rule_1_until_content_is_out_failover_is_free(problems):
    """A stream commits on its first content, a plain answer when it is whole; what fails before is made good elsewhere."""
    assert "" == problems


@cells(2)
def test_rule_2_what_is_retried_and_what_is_not(problems):
    """Failures of a server go to another one; refusals of the request go to the client."""
    assert "" == problems


@cells(3)
def test_rule_3_order_and_manners(problems):
    """Another endpoint at once, else the same after a pause; a stated wait is kept; at most three attempts at each."""
    assert "" == problems


@cells(4)
def test_rule_4_silence_and_slowness_have_their_own_limits(problems):
    """Who does not begin is left; who is slow and alive is not."""
    assert "" == problems


@cells(6)
def test_rule_6_finished_is_what_has_finish_reasons(problems):
    """A missing sentinel is added; a stream without finish reasons is never presented as finished."""
    assert "" == problems


@cells(7)
def test_rule_7_a_break_after_content_is_replayed_or_told(problems):
    """The rest comes from an endpoint that says the same; else there is one error event and no ``[DONE]``."""
    assert "" == problems


@cells(8)
def test_rule_8_silence_and_malformed_events_are_breaks(problems):
    """Neither is waited out nor passed on."""
    assert "" == problems


@cells(9)
def test_rule_9_nothing_goes_on_for_a_client_that_left(problems):
    """Its call is closed within a second."""
    assert "" == problems


@cells(10)
def test_rule_10_what_was_used_is_told(problems):
    """Usage comes with the answer, whether the server told it or not."""
    assert "" == problems


@cells(11)
def test_rule_11_every_call_ends(problems):
    """Whatever is silent, before the deadline."""
    assert "" == problems


@cells(12)
def test_rule_12_events_pass_whole_and_unchanged(problems):
    """Odd ones too: large ones, those without a role, other finish reasons."""
    assert "" == problems


def test_every_named_fault_has_a_case():
    """A fault that nobody meets proves nothing."""
    used = [fault for case in CASES for fault in case.faults]

    unused = {name for name, fault in FAULTS.items() if fault not in used}

    assert set() == unused


def test_names_of_cases_are_unique():
    """They name endpoints, models and rows."""
    names = [case.name for case in CASES]

    assert sorted(set(names)) == sorted(names)
