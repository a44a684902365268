"""The devices of this machine."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen
class Device:
    """Something that runs a model.

    Attributes:
        id: ``cpu``, ``cuda:0``, …
        memory_bytes: What a model could have at most.
    """

    id: str
    kind: Literal["cpu", "cuda", "metal", "rocm"]
    name: str
    memory_bytes: int
