"""Steps of a picture as they are taken: the pipeline runs in a thread beside, and calls back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from llmlb_core import Cancel, DrawingStep
from llmlb_engine_diffusers.inputs import as_png, scaled
from llmlb_engine_diffusers.job import Job, OnStep

if TYPE_CHECKING:
    from PIL.Image import Image


def preview_steps(count: int, previews: int) -> frozenset[int]:
    """Return after which of *count* steps a preview is made: *previews* of them, evenly, never the last, which is the picture."""
    return frozenset(step for each in range(1, previews + 1) if 0 < (step := round(each * count / (previews + 1))) < count)


def preview(pipe: Any, latents: Any, size: tuple[int, int]) -> bytes:
    """Return the picture that *latents* are so far; nothing where the pipeline keeps them in a form of its own."""
    vae, processor = getattr(pipe, "vae", None), getattr(pipe, "image_processor", None)
    if vae is None or processor is None or getattr(latents, "ndim", 0) != 4:
        return b""
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    decoded = vae.decode(latents / vae.config.scaling_factor + shift, return_dict=False)[0]
    return as_png(scaled(processor.postprocess(decoded, output_type="pil")[0], size))


def run_with_steps(job: Job, index: int, seed: int, cancel: Cancel, previews: int) -> Iterator[DrawingStep | Image]:
    """Yield the steps of picture *index* as they are taken, and the picture last.

    Raises:
        Exception: What ``Job.run`` raises.
    """
    found: SimpleQueue[DrawingStep | Image | BaseException] = SimpleQueue()

    def on_step(pipe: Any, step: int, count: int, latents: Any) -> None:
        shown = preview(pipe, latents, job.size) if step in preview_steps(count, previews) else b""
        found.put(DrawingStep(index, step, count, shown))

    def run(on_step: OnStep) -> None:
        try:
            found.put(job.run(seed, cancel, on_step))
        except BaseException as error:  # noqa: BLE001  # raised again below, in the caller's thread
            found.put(error)

    yield from _until_done(found, lambda: run(on_step))


def _until_done(found: SimpleQueue[DrawingStep | Image | BaseException], work: Callable[[], None]) -> Iterator[DrawingStep | Image]:
    thread = threading.Thread(target=work, name="diffusers-picture", daemon=True)
    thread.start()
    try:
        while True:
            item = found.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if not isinstance(item, DrawingStep):
                return
    finally:
        # A reader that leaves has set its cancel: the pipeline ends at its next step.
        thread.join()
