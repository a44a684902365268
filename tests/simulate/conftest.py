"""Small scenarios, and routers put before them without a plugin host."""

from __future__ import annotations

import pytest
from llmlb_admission_fair.policy import FairAdmission
from llmlb_testing.yard import FirstFree

from llmlb_core import Feedback, Router
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.simulate.brought import Brought
from llmlb_core.simulate.planned import Planned
from llmlb_core.simulate.run import Run
from llmlb_core.simulate.scenario import EndpointGroup, Scenario


class Kept(Feedback):
    """Keeps the records of all calls, in the order in which they ended."""

    name = "kept"

    def __init__(self):
        self.records = []

    def on_end(self, record):
        self.records.append(record)


@pytest.fixture
def kept():
    """Keeps the records of a run that gets it as its feedback."""
    return Kept()


@pytest.fixture
def settings(tmp_path):
    """What a data directory without settings says."""
    return load_settings(environ={}, data_dir=tmp_path)


@pytest.fixture
def make_run():
    """Return a function that makes a run over *groups* of endpoints."""

    def make(*groups: EndpointGroup, router: Router | None = None, feedback: Feedback | None = None, admission=None, seed=1):
        scenario = Scenario(name="test", endpoints=groups or (EndpointGroup(),), slo_first_token_s=1.0)
        feedbacks = {} if feedback is None else {feedback.name: feedback}
        brought = Brought(router or FirstFree(), FairAdmission(), feedbacks, {})
        return Run(scenario, brought, admission or AdmissionSettings(), seed=seed)

    return make


@pytest.fixture
def plan():
    """Return a function that makes a call whose prompt is 1,000 tokens of its own."""

    def make(at_s, *, principal="A", prompt=1000, output=1, model="m", segments=None):
        return Planned(at_s, model, principal, segments or (((principal, at_s), prompt),), output)

    return make
