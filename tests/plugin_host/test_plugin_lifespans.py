"""What plugins open is closed in reverse order, and what fails to open is a status."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

import pytest

from llmlb_core.errors import PluginRequired
from llmlb_core.plugin_host import lifespan
from llmlb_core.settings.sections import AuthSettings

SOURCE = """
import asyncio, builtins
from contextlib import asynccontextmanager
from llmlb_core import Engine, hookimpl

class Shout(Engine):
    name = "{name}"
    @classmethod
    def fit(cls, facts, devices): ...
    def load(self, model, placement, options): ...

events = builtins.acme_events

@hookimpl
def llmlb_engines():
    return [Shout]

@hookimpl
@asynccontextmanager
async def llmlb_lifespan(plugin):
    {enter}
    events.append("enter " + plugin.name)
    yield
    events.append("leave " + plugin.name)
    {leave}
"""


@pytest.fixture
def events(monkeypatch):
    """Where plugins tell what they did."""
    import builtins

    events = []
    monkeypatch.setattr(builtins, "acme_events", events, raising=False)
    return events


def add(site, name, enter="pass", leave="pass"):
    site.add(name, SOURCE.format(name=name, enter=enter, leave=leave))


async def run(host):
    """Enter all lifespans, then leave them."""
    async with AsyncExitStack() as stack:
        for _, context in host.lifespans():
            await stack.enter_async_context(context)


async def test_lifespans_are_entered_by_name_and_left_in_reverse(site, events):
    """The order depends on names only."""
    for name in ("b", "a", "c"):
        add(site, name)

    await run(site.load())

    assert ["enter a", "enter b", "enter c", "leave c", "leave b", "leave a"] == events


async def test_a_lifespan_that_raises_withdraws_its_plugin(site, events):
    """Its contributions leave the registry, in place; the others go on."""
    add(site, "a", enter="raise OSError('port taken')")
    add(site, "b")
    host = site.load()
    engines = host.registry.engines

    await run(host)

    assert ["enter b", "leave b"] == events
    assert ["b"] == list(engines)
    status = host.status("a")[0]
    assert ("broken", "lifespan", "OSError: port taken (acme_a, line 21)") == (status.state, status.phase, status.reason)


async def test_a_required_lifespan_that_raises_stops_the_start(site, events):
    """What was entered before is left again."""
    add(site, "a")
    add(site, "b", enter="raise OSError('port taken')")
    host = site.load(required=("b",))

    with pytest.raises(PluginRequired, match="plugin b is broken: OSError: port taken"):
        await run(host)

    assert ["enter a", "leave a"] == events


async def test_a_lifespan_that_never_starts_has_a_deadline(site, events, monkeypatch):
    """A plugin that waits for ever does not keep the server from starting."""
    monkeypatch.setattr(lifespan, "ENTER_TIMEOUT_S", 0.05)
    add(site, "a", enter="await asyncio.Event().wait()")
    host = site.load()

    await run(host)

    assert "llmlb_lifespan did not start within 0.05 s" == host.statuses[0].reason


async def test_a_lifespan_that_raises_at_the_end_is_recorded(site, events):
    """The others are left all the same."""
    add(site, "a")
    add(site, "b", leave="raise RuntimeError('lost')")
    host = site.load()

    await run(host)

    assert ["enter a", "enter b", "leave b", "leave a"] == events
    assert (1, "RuntimeError: lost (acme_b, line 25)") == (host.status("b")[0].fault_count, host.status("b")[0].last_fault)


async def test_cancelling_a_start_is_passed_on(site, events):
    """The server's own cancellation is not a plugin's fault."""
    add(site, "a", enter="builtins.acme_begun.set(); await asyncio.Event().wait()")
    import builtins

    builtins.acme_begun = asyncio.Event()
    host = site.load()
    task = asyncio.create_task(run(host))
    await asyncio.wait_for(builtins.acme_begun.wait(), 5)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)

    assert "active" == host.statuses[0].state
    del builtins.acme_begun


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return 3", "llmlb_lifespan returned an int; expected an async context manager: put @asynccontextmanager under @hookimpl"),
        ("raise KeyError('x')", "KeyError: 'x' (acme_bad, line 4)"),
    ],
)
def test_a_hook_without_a_context_manager_is_refused(site, body, reason):
    """Before anything is entered; a required plugin stops the start."""
    site.add("bad", f"from llmlb_core import hookimpl\n@hookimpl\ndef llmlb_lifespan(plugin):\n    {body}\n")
    host = site.load()

    assert [] == host.lifespans()
    assert ("lifespan", reason) == (host.statuses[0].phase, host.statuses[0].reason)

    with pytest.raises(PluginRequired):
        site.load(required=("bad",), auth=AuthSettings(authenticators=())).lifespans()


def test_modules_of_these_tests_are_forgotten():
    """The fixture takes its modules out of ``sys.modules`` again."""
    assert [] == [name for name in sys.modules if name.startswith("acme_")]
