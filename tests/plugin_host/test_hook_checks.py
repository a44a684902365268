"""What a plugin's author gets wrong about hooks is said in words that mend it."""

from __future__ import annotations

import pytest

CASES = {
    "async def": (
        "@hookimpl\nasync def llmlb_engines():\n    return []\n",
        "llmlb_engines is 'async def', but hooks are called synchronously at start; write 'def' and do what waits in llmlb_",
    ),
    "async generator": (
        "@hookimpl\nasync def llmlb_routers():\n    yield None\n",
        "llmlb_routers is 'async def', but hooks are called synchronously",
    ),
    "lifespan without its decorator": (
        "@hookimpl\nasync def llmlb_lifespan(plugin):\n    yield\n",
        "llmlb_lifespan is an async generator; put @asynccontextmanager under @hookimpl",
    ),
    "mistyped name": (
        "@hookimpl\ndef llmlb_engine():\n    return []\n",
        "there is no hook 'llmlb_engine'; did you mean 'llmlb_engines'?",
    ),
    "unknown name": ("@hookimpl\ndef xyzzy():\n    return []\n", "there is no hook 'xyzzy'; there are llmlb_engines, "),
    "forgotten mark": (
        "def llmlb_models():\n    return []\n",
        "llmlb_models is not a hook implementation yet: mark it with @hookimpl (from llmlb_core import hookimpl)",
    ),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef llmlb_engines():\n    return (yield)\n",
        "llmlb_engines is a hook wrapper; llmlb asks each plugin by itself, so there is nothing to wrap",
    ),
    "unknown argument": (
        "@hookimpl\ndef llmlb_engines(app):\n    return []\n",
        "llmlb_engines takes app, but the hook offers no arguments",
    ),
    "other argument": (
        "@hookimpl\ndef llmlb_lifespan(server):\n    return None\n",
        "llmlb_lifespan takes server, but the hook offers plugin",
    ),
    "twice": (
        "@hookimpl\ndef llmlb_engines():\n    return []\n@hookimpl(specname='llmlb_engines')\ndef more():\n    return []\n",
        "llmlb_engines is implemented twice, by llmlb_engines and more",
    ),
    "nothing": ("", "it implements no hook; write one, such as llmlb_engines, and mark it with @hookimpl"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_hook_is_refused_with_the_reason(site, case):
    """The plugin is broken at registration; nothing of it is called."""
    source, reason = CASES[case]
    site.add("bad", "from llmlb_core import hookimpl\n" + source)

    host = site.load()

    (status,) = host.statuses
    assert ("broken", "register") == (status.state, status.phase)
    assert status.reason.startswith(reason)


def test_a_hook_that_returns_a_coroutine_is_refused(site):
    """A lambda around an async function looks synchronous; its result does not, and is closed without a warning."""
    site.add(
        "bad",
        "from llmlb_core import hookimpl\nasync def late():\n    return []\n@hookimpl\ndef llmlb_engines():\n    return late()\n",
    )

    host = site.load()

    (status,) = host.statuses
    assert ("collect", "llmlb_engines returned a coroutine, but hooks are synchronous") == (status.phase, status.reason)


def test_a_hook_of_a_later_core_may_be_optional(site):
    """``optionalhook`` lets one release of a plugin serve two of the core."""
    site.add_engine("good", "shout")
    with (site.folder / "acme_good.py").open("a") as file:
        file.write("\n@hookimpl(optionalhook=True)\ndef llmlb_of_the_future():\n    return []\n")

    host = site.load()

    assert "active" == host.statuses[0].state


def test_a_hook_may_take_fewer_arguments_than_are_offered(site):
    """Every hook that offers arguments can be written without them."""
    source = """
from llmlb_core import hookimpl
@hookimpl
def llmlb_lifespan():
    return None
@hookimpl
def llmlb_commands():
    pass
"""
    site.add("good", source)

    host = site.load()

    assert "active" == host.statuses[0].state
    assert [] == host.lifespans()
