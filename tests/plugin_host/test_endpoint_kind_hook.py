"""``llmlb_endpoints``: where what it returns is filed, and what is wrong with what it must not return."""

from __future__ import annotations

SOURCE = """
from llmlb_core import EndpointKind, hookimpl

class Kind(EndpointKind):
    name = "acme"
    async def detect(self, server):
        return False

@hookimpl
def llmlb_endpoints():
    return [Kind()]
"""


def test_kinds_are_filed_by_name(site):
    """The registry of endpoints asks all of them."""
    site.add("acme", SOURCE)

    host = site.load()

    assert ["acme"] == list(host.registry.endpoint_kinds)
    assert {"endpoint_kind:acme": "acme"} == host.registry.owners


def test_two_kinds_of_one_name_are_a_conflict(site):
    """Neither is used: an endpoint's kind must not depend on load order."""
    site.add("acme", SOURCE)
    site.add("other", SOURCE)

    host = site.load()

    assert {} == host.registry.endpoint_kinds
    assert ["conflicted", "conflicted"] == [status.state for status in host.statuses]


def test_a_kind_that_cannot_detect_is_refused(site):
    """The one method without which it is none."""
    site.add("bad", SOURCE.replace("async def detect(self, server):\n        return False", "pass"))

    (status,) = site.load().statuses

    assert "broken" == status.state
    assert "abstract method detect" in status.reason
