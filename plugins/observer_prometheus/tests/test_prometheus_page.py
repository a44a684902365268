"""``GET /metrics``."""

from pathlib import Path

import pytest
from llmlb_observer_prometheus import PrometheusPlugin
from llmlb_observer_prometheus.page import blueprint
from llmlb_observer_prometheus.settings import PrometheusSettings
from prometheus_client.parser import text_string_to_metric_families
from quart import Quart

from llmlb_core import Attempt, Plugin, Record, Usage
from llmlb_core.telemetry.lag import measured_lag
from llmlb_core.telemetry.metrics import Metrics
from llmlb_core.web import errors


def client_of(metrics):
    """Return a client of an app with nothing but this page."""
    app = Quart("test")
    errors.install(app)
    app.register_blueprint(blueprint(Plugin("observer_prometheus", Path(), metrics=metrics)), url_prefix="/metrics")
    return app.test_client()


async def test_page_shows_the_cells_of_the_core():
    """Every family parses, and what was counted is there."""
    metrics = Metrics()
    metrics.watch("instances", "gauge", "By state.", lambda: {("ready",): 1}, ("state",))
    facts = {"operation": "chat", "model": "m", "served_by": "e", "status": 200, "ending": "finished"}
    record = Record("1", 0.0, **facts, stream=True, duration_s=0.02, first_token_s=0.01, usage=Usage(3, 4))
    record.end_attempt(Attempt("f", "failed", "bad_gateway", 0.01))
    record.begin_attempt("failover", 0.01)
    metrics.calls.note(record)
    with measured_lag(metrics.lag):
        response = await client_of(metrics).get("/metrics")

    text = (await response.get_data()).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}

    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (response.status_code, response.content_type)
    assert {
        "llmlb_calls",
        "llmlb_call_duration_seconds",
        "llmlb_first_token_seconds",
        "llmlb_queue_wait_seconds",
        "llmlb_tokens",
        "llmlb_attempts",
        "llmlb_recoveries",
        "llmlb_streams",
        "llmlb_loop_lag_seconds",
        "llmlb_instances",
    } == set(families)
    (calls,) = families["llmlb_calls"].samples
    assert ({"operation": "chat", "model": "m", "endpoint": "e", "status": "200", "ending": "finished"}, 1) == (
        calls.labels,
        calls.value,
    )
    assert {"prompt": 3, "completion": 4} == {each.labels["kind"]: each.value for each in families["llmlb_tokens"].samples}
    assert {"reported"} == {each.labels["source"] for each in families["llmlb_tokens"].samples}
    assert [{"rule": "failover", "outcome": "completed"}] == [each.labels for each in families["llmlb_recoveries"].samples]


async def test_page_without_a_server_behind_it_is_503():
    """As in a command that loads plugins."""
    response = await client_of(None).get("/metrics")

    assert 503 == response.status_code


@pytest.mark.parametrize(("public", "scope"), [(False, "admin"), (True, "public")])
def test_page_is_for_administrators_unless_settings_open_it(public, scope):
    """Names of models and endpoints are on it."""
    plugin = PrometheusPlugin(Plugin("observer_prometheus", Path(), PrometheusSettings(public)))

    page, clouds = plugin.llmlb_routes()

    assert [("/metrics", scope), ("/v0/metrics/cloud", scope)] == [(each.prefix, each.scope) for each in (page, clouds)]
