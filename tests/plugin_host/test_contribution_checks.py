"""Objects of the wrong type never reach the registry; the reason says what was expected."""

from __future__ import annotations

import pytest

HEAD = """
from llmlb_core import AdmissionPolicy, Admit, Authenticator, Authorizer, Dialect, Engine, ModelFormat, ModelStore, Route
from llmlb_core import Router, Routes, StorageApp, hookimpl

class Good(Engine):
    name = "good"
    @classmethod
    def fit(cls, facts, devices): ...
    def load(self, model, placement, options): ...

class First(Router):
    name = "first"
    def choose(self, call, candidates): ...

class Lazy(Engine):
    name = "lazy"

class Nameless(Good):
    name = None

class Speech(Dialect):
    name = "speech"
    routes = (Route("/v1/speak", "chat", "text"),)
    def parse(self, route, body): ...
    def decode(self, route, body): ...
    def renderer(self, call, model): ...
    def error(self, error): ...

class Mute(Speech):
    routes = ["/v1/speak"]

"""
CASES = {
    "dict": ("engines", "[{'name': 'x'}]", "llmlb_engines returned a dict; expected Engine classes"),
    "None": ("engines", "None", "llmlb_engines returned None; expected an iterable of Engine classes"),
    "str": ("engines", "'good'", "llmlb_engines returned a str; expected an iterable of Engine classes"),
    "no list": (
        "engines",
        "Good",
        "llmlb_engines returned class Good itself; expected an iterable of Engine classes: put it in a list",
    ),
    "instance": ("engines", "[Good()]", "llmlb_engines returned a Good; expected Engine classes: return Good, without calling it"),
    "class": (
        "routers",
        "[First]",
        (
            "llmlb_routers returned class First; "
            "expected Router, Filter, Scorer, Picker or AdmissionPolicy objects: return First(), an instance"
        ),
    ),
    "other kind": (
        "routers",
        "[Good]",
        "llmlb_routers returned class Good; expected Router, Filter, Scorer, Picker or AdmissionPolicy objects",
    ),
    "abstract": ("engines", "[Lazy]", "llmlb_engines returned class Lazy, which does not define fit, load"),
    "nameless": ("engines", "[Nameless]", "Engine Nameless has no 'name'; expected a string such as name = 'nameless'"),
    "upper case": ("engines", "[type('Big', (Good,), {'name': 'Big One'})]", "Engine Big has name 'Big One', expected lower case"),
    "twice": ("engines", "[Good, Good]", "it contributes engine:good twice"),
    "models": ("models", "[Good]", "llmlb_models returned class Good; expected ModelStore or ModelFormat objects"),
    "auth": ("auth", "[3]", "llmlb_auth returned an int; expected Authenticator or Authorizer objects"),
    "storage": ("storage", "['x']", "llmlb_storage returned a str; expected StorageApp objects"),
    "dialects": (
        "dialects",
        "[Speech]",
        "llmlb_dialects returned class Speech; expected Dialect or ServerDialect objects: return Speech(), an instance",
    ),
    "dialect routes": ("dialects", "[Mute()]", "Dialect Mute has routes a list; expected a tuple of Route objects"),
    "two dialects, one path": (
        "dialects",
        "[Speech(), type('Other', (Speech,), {'name': 'other'})()]",
        "it contributes path:/v1/speak twice",
    ),
    "prefix": (
        "routes",
        "[Routes('v0/x/', 'm:f', 'admin')]",
        "Routes has prefix 'v0/x/', expected '/a/path' without a slash at its end",
    ),
    "scope": (
        "routes",
        "[Routes('/v0/x', 'm:f', 'anyone')]",
        "Routes /v0/x has scope 'anyone'; expected one of api, endpoints, admin, public",
    ),
    "blueprint": ("routes", "[Routes('/v0/x', 'm.f', 'admin')]", "Routes /v0/x has blueprint 'm.f'; expected 'module:function'"),
    "endless": ("engines", "iter(lambda: Good, None)", "llmlb_engines returned more than 1000 objects"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_object_is_refused_with_what_was_expected(site, case):
    """The plugin is broken in the phase ``collect`` and contributes nothing."""
    hook, value, reason = CASES[case]
    site.add("bad", f"{HEAD}\n@hookimpl\ndef llmlb_{hook}():\n    return {value}\n")

    host = site.load()

    (status,) = host.statuses
    assert ("broken", "collect", reason) == (status.state, status.phase, status.reason)
    assert {} == host.registry.owners


def test_a_secret_in_a_repr_is_not_shown(site):
    """What a plugin returned is named by its type; its ``repr`` is never asked for."""
    source = """
class Leak:
    def __repr__(self):
        raise RuntimeError("sk_secret")
@hookimpl
def llmlb_engines():
    return [Leak()]
"""
    site.add("bad", HEAD + source)

    host = site.load()

    assert "llmlb_engines returned a Leak; expected Engine classes" == host.statuses[0].reason


def test_every_kind_is_filed_under_its_name(site):
    """One plugin may contribute of every kind; the registry has each where the rooms look for it."""
    source = """
import click

class Cave(ModelStore):
    scheme = "cave"
    async def resolve(self, reference): ...
    def read(self, manifest, file, offset=0): ...

class Stone(ModelFormat):
    name = "stone"
    suffixes = (".stone",)
    def read_facts(self, path): ...

class Patient(AdmissionPolicy):
    name = "patient"
    def decide(self, call, load): ...

class Nod(Authenticator):
    name = "nod"
    def credential(self, headers): ...
    async def verify(self, credential): ...

class Shrug(Authorizer):
    name = "shrug"
    def veto(self, principal, call, target): ...

@hookimpl
def llmlb_engines():
    yield Good
@hookimpl
def llmlb_models():
    return (Cave(), Stone())
@hookimpl
def llmlb_routers():
    return {First(), Patient()}
@hookimpl
def llmlb_auth():
    return [Nod(), Shrug()]
@hookimpl
def llmlb_storage():
    return [StorageApp("all", "acme_all.rows", "acme_all.migrations")]
@hookimpl
def llmlb_dialects():
    return [Speech()]
@hookimpl
def llmlb_routes():
    return [Routes("/v0/all", "acme_all:blueprint", "admin")]
@hookimpl
def llmlb_commands(cli):
    cli.add_command(click.Command("all"))
"""
    site.add("all", HEAD + source)

    host = site.load()

    registry = host.registry
    assert "active" == host.statuses[0].state
    named = [registry.engines, registry.stores, registry.formats, registry.routers, registry.admission_policies]
    named += [registry.authenticators, registry.authorizers, registry.dialects, registry.commands]
    assert [["good"], ["cave"], ["stone"], ["first"], ["patient"], ["nod"], ["shrug"], ["speech"], ["all"]] == [
        list(each) for each in named
    ]
    assert ["all"] == [app.label for app in registry.storage_apps]
    assert [("all", "/v0/all")] == [(plugin, routes.prefix) for plugin, routes in registry.routes]
    assert (
        "admission:patient authenticator:nod authorizer:shrug command:all dialect:speech engine:good format:stone "
        "router:first routes:/v0/all storage:all store:cave"
    ) == " ".join(host.statuses[0].contributes)


def test_one_command_added_twice_is_refused(site):
    """Click would replace the first without a word."""
    source = """
import click
@hookimpl
def llmlb_commands(cli):
    cli.add_command(click.Command("same"))
    cli.add_command(click.Command("same"))
"""
    site.add("bad", HEAD + source)

    host = site.load()

    assert "it contributes command:same twice" == host.statuses[0].reason
