"""``llmlb_clouds``: where what it returns is filed, and when two providers are in each other's way."""

from __future__ import annotations

SOURCE = """
from llmlb_core import Cloud, hookimpl

@hookimpl
def llmlb_clouds():
    return [Cloud(name="NAME", aliases=("emca",), dialect="openai", base_url="https://acme.example/v1")]
"""


def test_providers_are_filed_by_name(site):
    """Prefixes are resolved from there."""
    site.add("acme", SOURCE.replace("NAME", "acme"))

    host = site.load()

    assert ["acme"] == list(host.registry.clouds)
    assert {"cloud:acme", "prefix:acme", "prefix:emca"} >= set(host.registry.owners)


def test_two_providers_with_one_prefix_are_a_conflict(site):
    """Where a call goes, and who is paid for it, must not depend on load order."""
    site.add("acme", SOURCE.replace("NAME", "acme"))
    site.add("other", SOURCE.replace("NAME", "other"))

    host = site.load()

    assert {} == host.registry.clouds
    assert ["conflicted", "conflicted"] == [status.state for status in host.statuses]


def test_a_provider_that_is_no_value_is_refused(site):
    """The reason says what was expected."""
    site.add("bad", SOURCE.replace("[Cloud(", "[dict(").replace("NAME", "acme"))

    (status,) = site.load().statuses

    assert ("broken", "llmlb_clouds returned a dict; expected Cloud objects") == (status.state, status.reason)
