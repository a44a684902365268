"""A pipeline's directory becomes pipelines: one for each task, over the same weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from attrs import define, field

from llmlb_core import Placement
from llmlb_core.errors import InvalidRequest, ModelFilesInvalid, ModelTooLarge
from llmlb_engine_diffusers.blending import needs_blending
from llmlb_engine_diffusers.index import LIBRARIES, NAME, Index, read_index
from llmlb_engine_diffusers.options import DiffusersOptions
from llmlb_engine_diffusers.plan import dtype_name
from llmlb_engine_diffusers.recommended import Recommended, read_recommended

_DEFAULT_SIDE = 512


@define(eq=False)
class Pipelines:
    """A loaded model.

    Attributes:
        draws: Text to picture; the others are made of its parts when they are first asked for.
        native: Width and height that it draws best.
        multiple: Sides are multiples of this.
        recommended: How its author would have it used.
    """

    draws: Any
    native: tuple[int, int]
    multiple: int
    recommended: Recommended = Recommended()
    _others: dict[str, Any] = field(factory=dict, init=False)

    def edits(self) -> Any:
        """Picture to picture.

        Raises:
            InvalidRequest: There is no such pipeline for this model.
        """
        return self._other("AutoPipelineForImage2Image", "edits no pictures and varies none", "image")

    def paints(self) -> Any:
        """Picture to picture, within a mask; the pipeline of ``edits`` where ``needs_blending``. Raises as ``edits``."""
        if needs_blending(self.draws):
            return self.edits()
        return self._other("AutoPipelineForInpainting", "edits no pictures within a mask; send no mask", "mask")

    def _other(self, name: str, cannot: str, param: str) -> Any:
        if name not in self._others:
            import diffusers

            try:
                self._others[name] = getattr(diffusers, name).from_pipe(self.draws)
            except ValueError as error:
                raise InvalidRequest(
                    f"This model ({type(self.draws).__name__}) {cannot}.", param=param, code="unsupported_parameter"
                ) from error
            self._others[name].set_progress_bar_config(disable=True)
        return self._others[name]


def load(path: Path, placement: Placement, options: DiffusersOptions, stored: str) -> Pipelines:
    """Load the pipeline whose ``model_index.json`` is *path*: safetensors only, and no code but the libraries' own.

    Args:
        path: The index; its folder is the model.
        placement: Devices and threads.
        options: How.
        stored: Number format of the weights, as in ``ModelFacts.quantization``.

    Raises:
        ModelFilesInvalid: Files that are missing, damaged, or need what is not allowed.
        ModelTooLarge: They do not fit.
    """
    index = read_index(path)
    check(index, path, options)
    recommended = read_recommended(path.parent)
    import diffusers
    import torch

    _hush()
    _check_libraries(index, path, vars(diffusers.pipelines))
    torch.set_num_threads(max(1, placement.threads))
    device = device_of(placement)
    auto: Any = diffusers.AutoPipelineForText2Image
    try:
        pipe = auto.from_pretrained(
            str(path.parent),
            dtype=getattr(torch, dtype_name(options.dtype, device, stored)),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=options.trust_code,
            variant=variant(index),
        )
        if options.cpu_offload and device != "cpu":
            pipe.enable_model_cpu_offload(device=device)
        else:
            pipe.to(device)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelTooLarge(
            f"{path.parent.name} ({index.size_bytes >> 20} MiB of weights) does not fit into the memory of {device}; "
            "unload another model, or set cpu_offload in its options"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError) as error:
        # What a damaged directory makes the libraries raise; the text names the part.
        said = " ".join(str(error).split())[:400]
        raise ModelFilesInvalid(f"diffusers cannot load {path.parent}: {type(error).__name__}: {said}") from error
    pipe.set_progress_bar_config(disable=True)
    multiple = multiple_of(pipe)
    return Pipelines(pipe, native_size(pipe, options.size), multiple, recommended)


def _hush() -> None:
    """Keep progress bars and advice of the libraries out of the worker's log; errors are raised anyway."""
    import diffusers.utils.logging
    import transformers.utils.logging

    for logging in (diffusers.utils.logging, transformers.utils.logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def check(index: Index, path: Path, options: DiffusersOptions) -> None:
    """Refuse what would run somebody else's code: Python files, and weights that need pickle.

    Raises:
        ModelFilesInvalid: Names the part, and what mends it.
    """
    if index.code and not options.trust_code:
        raise ModelFilesInvalid(
            f"{path.parent} wants Python code of its own to run ({'; '.join(index.code)}), which is refused. If you trust it, set "
            "trust_code = true in the model's options."
        )
    for part in index.parts:
        if part.is_pickled:
            raise ModelFilesInvalid(
                f"{part.pickled[0]} is pickled, which may run any code when it is read, and is refused. Fetch the model as "
                f"safetensors, or convert {part.name} by save_pretrained(..., safe_serialization=True) where you trust it."
            )


def _check_libraries(index: Index, path: Path, modules: Collection[str]) -> None:
    for part in index.parts:
        if part.library not in LIBRARIES and part.library not in modules:
            raise ModelFilesInvalid(
                f"{path.parent / NAME} takes its {part.name} from {part.library!r}, which is no part of diffusers or transformers"
            )


def variant(index: Index) -> str | None:
    """Return ``fp16`` where some part has its weights in that variant only."""
    for part in index.parts:
        if part.weights and all(".fp16." in path.name for path in part.weights):
            return "fp16"
    return None


def device_of(placement: Placement) -> str:
    """Return torch's name of the first device."""
    first = placement.devices[0] if placement.devices else "cpu"
    kind = first.partition(":")[0]
    return {"metal": "mps", "rocm": first.replace("rocm", "cuda")}.get(kind, first)


def native_size(pipe: Any, wanted: int | None) -> tuple[int, int]:
    """Return the size that *pipe* draws best: its own default."""
    if wanted is not None:
        return wanted, wanted
    scale = getattr(pipe, "vae_scale_factor", 8)
    side: Any = getattr(pipe, "default_sample_size", None)
    for name in ("unet", "transformer", "prior", "decoder"):
        part = getattr(pipe, name, None)
        side = side or getattr(getattr(part, "config", None), "sample_size", None)
    if isinstance(side, list | tuple) and len(side) == 2:
        return int(side[1]) * scale, int(side[0]) * scale
    return (side * scale, side * scale) if isinstance(side, int) and side > 0 else (_DEFAULT_SIDE, _DEFAULT_SIDE)


def multiple_of(pipe: Any) -> int:
    """Return what sides must be multiples of: what autoencoder and network halve again and again, and 8."""
    scale = int(getattr(pipe, "vae_scale_factor", 8))
    blocks = getattr(getattr(getattr(pipe, "unet", None), "config", None), "block_out_channels", None)
    return math.lcm(8, scale * (2 ** (len(blocks) - 1) if blocks else 2))


def parameters(pipe: Any) -> frozenset[str]:
    """Return the names that calling *pipe* takes; pipelines differ."""
    return frozenset(inspect.signature(pipe.__call__).parameters)
