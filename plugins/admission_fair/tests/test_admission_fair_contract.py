"""The fair policy and its plugin keep the contracts."""

from __future__ import annotations

import pytest
from llmlb_admission_fair.policy import FairAdmission
from llmlb_testing.contracts import AdmissionPolicyContract, PluginContract


class TestFairAdmission(AdmissionPolicyContract):
    """Callers take turns."""

    @pytest.fixture
    def policy(self) -> FairAdmission:
        """A new one."""
        return FairAdmission()


class TestAdmissionFairPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "admission_fair"
