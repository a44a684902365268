"""What all models of one server share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from llmlb_core.settings.sections import WorkerSettings
from llmlb_core.worker.residency import Residency

if TYPE_CHECKING:
    from llmlb_core.worker.lifecycle import Lifecycle


@frozen
class Surroundings:
    """What all instances share.

    Attributes:
        changed: Called after every change of state, on the loop.
    """

    settings: WorkerSettings
    data_dir: Path
    residency: Residency
    changed: Callable[[Lifecycle], None]
