"""Whether a pipeline runs here, in which number format, and at which size it draws."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmlb_core import Device, Fit, ModelFacts, Unfit
from llmlb_engine_diffusers.options import DType

OVERHEAD_BYTES = 450 << 20
"""torch, diffusers and transformers in a process, before any weights."""

_BYTES_BY_TYPE = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F64": 8}


def fit(facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
    """Say whether and how well diffusers runs such a model on *devices*."""
    if facts.format != "diffusers":
        return Unfit(
            f"diffusers reads pipeline directories (model_index.json), and this model's format is {facts.format or 'not known'}."
        )
    if not facts.capabilities:
        return Unfit(f"A pipeline of class {facts.architecture or '(none)'} does not draw pictures from a prompt.")
    has_gpu = any(device.kind != "cpu" for device in devices)
    needed = memory_bytes(facts, 2 if has_gpu else 4)
    most = max((device.memory_bytes for device in devices if (device.kind != "cpu") is has_gpu), default=0)
    if most and needed > most:
        return Unfit(f"It needs about {needed / 2**30:.1f} GiB, and the device has {most / 2**30:.1f} GiB.")
    where = "on a GPU, in 16 bits" if has_gpu else "on the CPU, in 32 bits"
    return Fit(0.9 if has_gpu else 0.6, needed, f"diffusers runs this {facts.architecture} {where}.")


def memory_bytes(facts: ModelFacts, bytes_per_number: int) -> int:
    """Estimate the memory of a loaded model: its weights as they are kept, a quarter for what it computes, the libraries."""
    stored = _BYTES_BY_TYPE.get(facts.quantization, 4)
    return int(facts.size_bytes * bytes_per_number / stored * 1.25) + OVERHEAD_BYTES


def dtype_name(wanted: DType, device: str, stored: str) -> str:
    """Return the number format to load in.

    Args:
        wanted: The option.
        device: ``cpu``, ``cuda:0``, ``mps``.
        stored: As in ``ModelFacts.quantization``.
    """
    if wanted != "auto":
        return wanted
    if device == "cpu":
        return "float32"  # processors compute 16 bits in 32 anyway, and many operations lack them
    return "bfloat16" if stored == "BF16" else "float16"


def drawn_size(width: int, height: int, native: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Return the size to draw at for a picture of *width* × *height*: as many pixels as *native*, in the shape asked for.

    A model that is asked for another number of pixels than it was trained on repeats or crops its subject, so the picture is
    scaled afterwards instead.
    """
    if width * native[1] == height * native[0]:
        return native
    area, aspect = native[0] * native[1], width / height
    sides = math.sqrt(area * aspect), math.sqrt(area / aspect)
    across, down = (max(multiple, round(side / multiple) * multiple) for side in sides)
    return across, down
