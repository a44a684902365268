"""A fair queue: callers take turns, whoever sends more waits for their own calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import AdmissionPolicy


@hookimpl
def llmlb_routers() -> Iterable[AdmissionPolicy]:
    """Contribute the policy ``fair``."""
    from llmlb_admission_fair.policy import FairAdmission

    return [FairAdmission()]
