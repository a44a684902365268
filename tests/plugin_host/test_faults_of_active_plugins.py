"""A plugin that raises while the server runs is counted; it costs the same the thousandth time."""

from __future__ import annotations

import json
import logging

import pytest

from llmlb_core.errors import PluginBroken
from llmlb_core.plugin_host.report import document, report


def test_faults_in_calls_are_counted_and_the_last_is_kept(site, caplog):
    """The plugin stays active; the log gets the first, second, fourth, … fault."""
    site.add_engine("good", "shout")
    host = site.load()

    with caplog.at_level(logging.WARNING, "llmlb.plugins"):
        for number in range(1000):
            host.record_failure("good", "call", ValueError(f"bad {number}"))

    (status,) = host.statuses
    assert ("active", 1000, "ValueError: bad 999") == (status.state, status.fault_count, status.last_fault)
    assert 10 == len(caplog.records)


def test_any_other_fault_withdraws_the_plugin(site):
    """The registry's mappings stay the same objects."""
    site.add_engine("good", "shout")
    host = site.load()
    engines = host.registry.engines

    host.record_failure("good", "lifespan", OSError("gone"))

    assert {} == engines
    assert ("broken", "OSError: gone") == (host.statuses[0].state, host.statuses[0].reason)


def test_faults_of_strangers_are_ignored(site):
    """Recording never raises."""
    host = site.load()

    host.record_failure("nobody", "call", ValueError())

    assert () == host.statuses


def test_a_plugin_that_is_not_active_cannot_be_had(site):
    """The error says why, and has the mend."""
    site.add("bad", "raise RuntimeError('no')")
    host = site.load()

    with pytest.raises(PluginBroken, match="plugin 'bad' is broken: RuntimeError: no") as caught:
        host.plugin("bad")
    with pytest.raises(PluginBroken, match="plugin 'other' is not installed"):
        host.plugin("other")

    assert caught.value.mend.startswith("pip install --upgrade acme-bad")


def test_the_report_is_json(site):
    """Every key is always there, so a reader needs no defaults."""
    site.add_engine("good", "shout")
    site.add("bad", "raise RuntimeError('no')")

    host = site.load()

    assert json.loads(json.dumps(document(host))) == {"plugins": report(host)}
    assert {
        "name": "good",
        "distribution": "acme-good",
        "version": "1.0.0",
        "state": "active",
        "phase": None,
        "reason": None,
        "mend": None,
        "contributes": ["engine:shout"],
        "fault_count": 0,
        "last_fault": None,
    } == report(host)[1]
    assert report(host)[0].keys() == report(host)[1].keys()
