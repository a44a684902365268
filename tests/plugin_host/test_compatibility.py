"""Whether a plugin fits is read from its package's metadata, before anything of it is imported."""

from __future__ import annotations

import platform

import pytest

from llmlb_core.version import __version__

NEVER = "raise AssertionError('imported')"


def status_of(site, **options):
    """Install a plugin that must not be imported, and return what becomes of it."""
    site.add("bad", NEVER, **options)
    (status,) = site.load().statuses
    return status


@pytest.mark.parametrize(
    ("requires", "reason", "mend"),
    [
        (
            ["llmlb-core>=99"],
            f"needs llmlb-core>=99, this is llmlb-core {__version__}",
            "pip install 'llmlb-core>=99'",
        ),
        (
            ["LLMLB_Core <0.0.2"],
            f"needs LLMLB_Core<0.0.2, this is llmlb-core {__version__}",
            "pip install --upgrade acme-bad",
        ),
        (
            ["acme-never-published>=2"],
            "needs acme-never-published>=2, which is not installed",
            "pip install 'acme-never-published>=2'",
        ),
        (
            ["acme-a", "acme-b[extra]==3"],
            "needs acme-a, which is not installed; needs acme-b[extra]==3, which is not installed",
            "pip install acme-a 'acme-b[extra]==3'",
        ),
    ],
)
def test_an_incompatible_plugin_says_what_to_install(site, requires, reason, mend):
    """The command can be pasted into a shell."""
    status = status_of(site, requires=requires)

    assert ("incompatible", "compat", reason, mend) == (status.state, status.phase, status.reason, status.mend)


def test_a_dependency_of_another_version_is_named(site):
    """The reason has the version that is wanted and the one that is there."""
    import attrs

    status = status_of(site, requires=["attrs>=9999"])

    assert f"needs attrs>=9999, but attrs {attrs.__version__} is installed" == status.reason
    assert "pip install 'attrs>=9999'" == status.mend


def test_a_plugin_for_another_python_is_incompatible(site):
    """``Requires-Python`` is compared although pip did not."""
    status = status_of(site, python=">=4")

    assert ("incompatible", f"needs Python >=4, this is {platform.python_version()}") == (status.state, status.reason)


@pytest.mark.parametrize("requires", [["not a requirement !"], []])
def test_damaged_requirements_are_a_status(site, requires):
    """What packaging cannot read is broken, not incompatible."""
    status = status_of(site, requires=requires, python="about three" if not requires else None)

    assert ("broken", "compat") == (status.state, status.phase)
    assert status.reason.startswith("its metadata are damaged: ")


def test_requirements_that_do_not_apply_here_are_left_out(site):
    """Extras, other platforms and other Pythons are nobody's business."""
    site.add_engine(
        "good",
        "shout",
        requires=[
            f"llmlb-core>={__version__}",
            'acme-extra; extra == "more"',
            'acme-elsewhere; sys_platform == "plan9"',
            'acme-backport; python_version < "3"',
        ],
    )

    host = site.load()

    assert "active" == host.statuses[0].state
