"""``llmlb_observers``: where what it returns is filed."""

PLUGIN = """
from llmlb_core import Feedback, Observer, hookimpl


class Ledger(Observer):
    name = "ledger"

    async def observe(self, records):
        pass


class Tally(Feedback):
    name = "ledger"

    def on_end(self, record):
        pass


@hookimpl
def llmlb_observers():
    return [{contributed}]
"""


def test_observers_and_feedback_are_filed_by_name(site):
    """One of each kind may share a name."""
    site.add("ledger", PLUGIN.format(contributed="Ledger(), Tally()"))

    host = site.load()

    assert ["ledger"] == list(host.registry.observers) == list(host.registry.feedbacks)
    assert ("feedback:ledger", "observer:ledger") == host.status("ledger")[0].contributes


def test_two_observers_of_one_name_are_a_conflict(site):
    """Load order never decides who is told."""
    site.add("first", PLUGIN.format(contributed="Ledger()"))
    site.add("second", PLUGIN.format(contributed="Ledger()"))

    host = site.load()

    assert {"conflicted"} == {status.state for status in host.statuses}
    assert {} == host.registry.observers


def test_class_in_place_of_an_instance_is_explained(site):
    """The commonest mistake has its own hint."""
    site.add("ledger", PLUGIN.format(contributed="Ledger"))

    (status,) = site.load().statuses

    assert "broken" == status.state
    assert "Ledger(), an instance" in status.reason
