"""A plugin that raises in a call: its status counts it, that call is answered with an error, and nothing else happens."""

from __future__ import annotations

import importlib
import sys

import pytest
from llmlb_testing.asgi import open_app
from llmlb_testing.distributions import write_distribution

from llmlb_core.errors import PluginRequired
from llmlb_core.house import House
from llmlb_core.settings.sections import AuthSettings, RoutingSettings, Settings

ROUTERS = """
from llmlb_core import Router, hookimpl


class Raising(Router):
    name = "raising"

    def choose(self, call, candidates):
        raise RuntimeError("boom")


class Stranger(Router):
    name = "stranger"

    def choose(self, call, candidates):
        return type("Choice", (), {"candidate": object()})()


@hookimpl
def llmlb_routers():
    return [Raising(), Stranger()]
"""

DIALECTS = """
from llmlb_core import Capability, ChatRequest, Decoded, Dialect, Message, Operation, Renderer
from llmlb_core import Route, RoutingFields, TextPart, hookimpl


class Written(Renderer):
    content_type = "text/plain"

    def __init__(self, body):
        self.body = body

    def feed(self, result):
        if b"feed" in self.body:
            raise ValueError("feed")
        return b"."

    def end(self):
        return b"!"

    def error(self, error):
        raise ValueError("error")


class Odd(Dialect):
    name = "odd"
    routes = (Route("/odd", Operation.CHAT, Capability.TEXT_GENERATION),)

    def parse(self, route, body):
        if b"parse" in body:
            raise ValueError("parse")
        return RoutingFields("echo", b"stream" in body)

    def decode(self, route, body):
        if b"decode" in body:
            raise ValueError("decode")
        return Decoded(ChatRequest(messages=(Message("user", (TextPart("one two three"),)),)))

    def renderer(self, call, model):
        return Written(call.body)

    def error(self, error):
        raise ValueError("error")


@hookimpl
def llmlb_dialects():
    return [Odd()]
"""

TOML = """
[auth]
is_disabled = true

[log]
access = false

[models.echo]
engine = "echo"

[models.unroutable]
engine = "echo"
router = "raising"

[models.strange]
engine = "echo"
router = "stranger"

[models.raising]
engine = "echo"
options = { fault = "raise_mid_answer", fault_after_tokens = 3 }
"""


@pytest.fixture(autouse=True)
def forgotten():
    """Forget the modules of these tests: other tests install others under such names."""
    yield
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


@pytest.fixture
async def client(tmp_path, monkeypatch):
    """An app with two faulty plugins beside the real ones."""
    site = tmp_path / "site"
    site.mkdir()
    for name, source in (("router_faulty", ROUTERS), ("dialect_faulty", DIALECTS)):
        write_distribution(site, f"acme-{name.replace('_', '-')}", {name: f"acme_{name}"}, {f"acme_{name}": source}, version="1.0")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    async with open_app(tmp_path / "data", TOML) as client:
        yield client


async def faults(client) -> dict[str, tuple[str, int, str | None]]:
    """Plugins that raised: state, how often, and the last time."""
    answer = await client.http.get("/v0/plugins")
    listed = (await answer.get_json())["plugins"]
    return {each["name"]: (each["state"], each["fault_count"], each["last_fault"]) for each in listed if each["fault_count"]}


@pytest.mark.parametrize(
    ("model", "plugin", "status", "said"),
    [
        ("unroutable", "router_faulty", 500, "RuntimeError: boom"),
        ("strange", "router_faulty", 500, "chose something that is not a candidate"),
        ("raising", "engine_echo", 502, "raised FaultInjected"),
    ],
)
async def test_what_a_plugin_raises_in_a_call_is_counted_in_its_status(client, model, plugin, status, said):
    """The plugin stays active, and the next call of another model is answered."""
    failed = await client.chat("one two three four five", model=model)
    good = await client.chat("hello")

    counted = await faults(client)
    assert (status, 200) == (failed.status, good.status)
    assert [plugin] == list(counted)
    state, count, last = counted[plugin]
    assert ("active", 1) == (state, count)
    assert said in last


@pytest.mark.parametrize("what", ["parse", "decode", "feed"])
async def test_a_dialect_that_cannot_even_write_its_error_is_answered_for(client, what):
    """The client reads a document that says so; the fault is the dialect's."""
    failed = await client.post("/odd", what.encode())

    assert (500, "internal_error") == (failed.status, failed.json["error"]["code"])
    assert {"dialect_faulty": ("active", 1)} == {name: counted[:2] for name, counted in (await faults(client)).items()}


async def test_what_a_client_does_wrong_is_nobodys_fault(client):
    """A refused value is no fault of the dialect that refused it."""
    await client.chat(temperature=9)

    assert {} == await faults(client)


async def test_a_conflict_that_costs_the_router_is_told_with_what_mends_it(tmp_path, monkeypatch):
    """The line that the start ends with names both plugins and the edit, not only what is not there."""
    site = tmp_path / "site"
    site.mkdir()
    source = ROUTERS.replace('"raising"', '"round_robin"')
    write_distribution(
        site, "acme-router-rival", {"router_rival": "acme_router_rival"}, {"acme_router_rival": source}, version="1.0"
    )
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()

    settings = Settings(tmp_path / "data", auth=AuthSettings(is_disabled=True), routing=RoutingSettings(router="round_robin"))

    with pytest.raises(PluginRequired) as caught:
        async with House(settings).open():
            pass

    assert "router_basic is conflicted: router:round_robin is also contributed by router_rival" in caught.value.message
    assert '"router:round_robin" = "router_basic"' in caught.value.message
