"""The engine ``diffusers``."""

from __future__ import annotations

import gc
import logging
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from llmlb_core import (
    Cancel,
    Device,
    DrawingStep,
    Feature,
    Fit,
    ImageEngine,
    ImageRequest,
    LocalModel,
    ModelFacts,
    Picture,
    PictureFailed,
    Placement,
    Unfit,
)
from llmlb_core.errors import ContentRejected, EngineFailed, ModelFilesInvalid
from llmlb_engine_diffusers import loading, plan
from llmlb_engine_diffusers.cancelling import Cancelled
from llmlb_engine_diffusers.inputs import as_png
from llmlb_engine_diffusers.job import Job
from llmlb_engine_diffusers.job import plan as plan_job
from llmlb_engine_diffusers.loading import Pipelines
from llmlb_engine_diffusers.options import DiffusersOptions
from llmlb_engine_diffusers.stepping import run_with_steps

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)
_SEEDS = 2**32


class DiffusersEngine(ImageEngine):
    """Draws with any text-to-picture pipeline that diffusers knows, one picture after another.

    A picture depends on its seed and not on how many are drawn with it, so each is drawn by itself.
    """

    name: ClassVar[str] = "diffusers"
    formats: ClassVar[tuple[str, ...]] = ("diffusers",)
    supports: frozenset[Feature] = frozenset({"seed"})
    options_class: ClassVar[type | None] = DiffusersOptions

    def __init__(self) -> None:
        """Hold nothing until ``load``."""
        self._pipelines: Pipelines | None = None
        self._options = DiffusersOptions()

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Say whether and how well diffusers runs such a model here."""
        return plan.fit(facts, devices)

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Check the directory, then load it."""
        if model.path is None:
            raise ModelFilesInvalid(f"model {model.id} has no files; give its pipeline directory as source")
        if isinstance(options, DiffusersOptions):
            self._options = options
        self._pipelines = loading.load(model.path, placement, self._options, model.facts.quantization)
        self.native_sizes = (self._pipelines.native,)

    def unload(self) -> None:
        """Give the weights back."""
        self._pipelines = None
        gc.collect()

    def draw(self, request: ImageRequest, cancel: Cancel) -> Iterator[DrawingStep | Picture | PictureFailed]:
        """Yield the pictures; each with a seed one above that of the picture before it."""
        if self._pipelines is None:
            raise EngineFailed("No model is loaded.")
        job = plan_job(self._pipelines, request, self._options)
        tokens = _token_count(job.pipe, request)
        first = request.seed if request.seed is not None else secrets.randbelow(_SEEDS)
        for index in range(request.n):
            if cancel.is_set:
                return
            try:
                for item in _drawn(job, request, index, first + index, cancel):
                    if isinstance(item, DrawingStep):
                        yield item
                    else:
                        yield Picture(index, as_png(item), *item.size, first + index, tokens)
            except Cancelled:
                return
            except ContentRejected as error:
                if request.n == 1:
                    raise
                yield PictureFailed(index, error.message)
            except (RuntimeError, ValueError, MemoryError) as error:  # torch's and the pipeline's; out of memory is one
                log.exception("picture %d of %d failed", index + 1, request.n)
                yield PictureFailed(index, _reason(error))


def _drawn(job: Job, request: ImageRequest, index: int, seed: int, cancel: Cancel) -> Iterator[DrawingStep | Image]:
    if request.wants_steps or request.previews:
        return run_with_steps(job, index, seed, cancel, request.previews)
    return iter((job.run(seed, cancel, None),))


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        return "There was not enough memory for a picture of this size; ask for a smaller one, or unload other models."
    return f"diffusers raised {type(error).__name__}; the server's log has the traceback."


def _token_count(pipe: object, request: ImageRequest) -> int:
    """Return how many tokens the prompt has, 0 where the pipeline has no tokenizer that tells."""
    tokenizer = getattr(pipe, "tokenizer", None)
    if tokenizer is None or not request.prompt:
        return 0
    return len(tokenizer(request.prompt, truncation=True).input_ids)
