"""What of a bundle is worth fetching here."""

from __future__ import annotations

from types import SimpleNamespace

from llmlb_core import BundleMember
from llmlb_core.models.adding import Wish
from llmlb_core.models.bundle import plan_bundle

TOY = BundleMember(reference="toys:toy", what="toys", format="toy", size_bytes=700, plugin="llmlb-engine-toy")
VOICE = BundleMember(reference="toys:voice", what="speech", format="voice", size_bytes=5, plugin="llmlb-engine-voice")
ANY = BundleMember(reference="toys:any")
ENGINES = {"toy": SimpleNamespace(engine=SimpleNamespace(formats=("toy",)))}


def test_what_no_engine_reads_is_passed_over(installed):
    """Its plugin is named; what says no format is fetched by anybody."""
    plan = plan_bundle((TOY, VOICE, ANY), ENGINES, installed)

    assert ((TOY, ANY), (VOICE,), 700) == (plan.wanted, plan.passed_over, plan.size_bytes)
    assert ("llmlb-engine-voice",) == plan.missing_plugins


async def test_what_is_installed_is_not_fetched_again(adding):
    """Neither counted."""
    await adding.add(Wish(reference="toys:toy"))

    plan = plan_bundle((TOY,), ENGINES, adding.installed)

    assert ({"toys:toy"}, 0) == (plan.present, plan.size_bytes)


def test_members_may_be_plain_references(adding, toys):
    """As they were before members had facts."""
    assert (BundleMember(reference="toys:toy"),) == adding.members("starter")
