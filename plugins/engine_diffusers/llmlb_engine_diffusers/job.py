"""One picture: what the pipeline is called with, and what is made of what it returns."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from llmlb_core import Cancel, ImageRequest
from llmlb_core.errors import ContentRejected
from llmlb_engine_diffusers.blending import Blending, needs_blending
from llmlb_engine_diffusers.cancelling import Cancelled, interruptible
from llmlb_engine_diffusers.inputs import as_mask, as_rgb, fitted, open_picture, scaled
from llmlb_engine_diffusers.loading import Pipelines, parameters
from llmlb_engine_diffusers.options import DiffusersOptions
from llmlb_engine_diffusers.plan import drawn_size

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_STEPS = 100
HD_FACTOR = 1.5
NATURAL_GUIDANCE = 5.0

OnStep = Callable[[Any, int, int, Any], None]
"""Told of the pipeline, the step from 1, how many there are, and the latents."""


@frozen(eq=False)
class Job:
    """All pictures of one request: they differ in their seeds.

    Attributes:
        size: Of the answer.
        arguments: Of the pipeline's call, but for what belongs to one picture.
        original: What a masked edit keeps, at ``size``, and where it may change.
        blended: The same two as they are drawn, where the pipeline knows nothing of masks.
    """

    pipe: Any
    size: tuple[int, int]
    arguments: dict[str, Any]
    original: tuple[Image, Image] | None = None
    blended: tuple[Image, Image] | None = None

    def run(self, seed: int, cancel: Cancel, on_step: OnStep | None) -> Image:
        """Draw the picture of *seed*.

        Raises:
            Cancelled: At the next block of the network.
            ContentRejected: By the model's own safety checker.
        """
        import torch
        from PIL import Image

        blending: Blending | None = None

        def after_step(pipe: Any, step: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if cancel.is_set:
                raise Cancelled
            if on_step is not None:
                count = getattr(pipe, "num_timesteps", None) or self.arguments["num_inference_steps"]
                on_step(pipe, step + 1, count, tensors.get("latents"))
            return {} if blending is None else {"latents": blending(pipe, step, tensors["latents"])}

        arguments = dict(self.arguments, generator=torch.Generator("cpu").manual_seed(seed))
        if "callback_on_step_end" in parameters(self.pipe):
            arguments["callback_on_step_end"] = after_step
        with torch.inference_mode(), interruptible(self.pipe, cancel):
            if self.blended is not None:
                blending = Blending(self.pipe, *self.blended, seed)
            output = self.pipe(**arguments)
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise ContentRejected("The model's safety checker withheld the picture; change the prompt or the seed.")
        picture = scaled(output.images[0], self.size)
        if self.original is not None:
            kept, mask = self.original
            picture = Image.composite(picture, kept, mask)
        return picture


def plan(pipelines: Pipelines, request: ImageRequest, options: DiffusersOptions) -> Job:
    """Decide how *request* is drawn.

    Raises:
        InvalidRequest: Its files cannot be decoded, or the model has no pipeline for its task.
    """
    if request.task == "generate":
        pipe, pictures, strength, original, blended = pipelines.draws, {}, None, None, None
        size = _asked(request, pipelines.native)
    else:
        assert request.image is not None
        source = open_picture(request.image, "image")
        size = _asked(request, drawn_size(*source.size, pipelines.native, pipelines.multiple))
        at = drawn_size(*size, pipelines.native, pipelines.multiple)
        source = as_rgb(source)
        pictures = {"image": fitted(source, at)}
        strength = options.variation_strength if request.task == "vary" else options.strength
        original = blended = None
        if request.mask is not None:
            pipe = pipelines.paints()
            mask = as_mask(open_picture(request.mask, "mask"))
            if needs_blending(pipe):
                blended = pictures["image"], fitted(mask, at)
            else:
                pictures["mask_image"] = fitted(mask, at)
            original = fitted(source, size), fitted(mask, size)
            strength = 1.0  # within the mask all of it is new
        else:
            pipe = pipelines.edits()
    width, height = drawn_size(*size, pipelines.native, pipelines.multiple)
    wanted = {
        **pictures,
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt or None,
        "width": width,
        "height": height,
        "strength": strength,
        "num_inference_steps": steps(request, options.steps or pipelines.recommended.steps, strength),
        "guidance_scale": guidance(request, pipelines.recommended.guidance if options.guidance is None else options.guidance, pipe),
    }
    known = parameters(pipe)
    arguments = {name: value for name, value in wanted.items() if value is not None and name in known}
    return Job(pipe, size, arguments, original, blended)


def _asked(request: ImageRequest, own: tuple[int, int]) -> tuple[int, int]:
    return own if request.width is None or request.height is None else (request.width, request.height)


def steps(request: ImageRequest, default: int, strength: float | None) -> int:
    """Return how many steps to plan; of an edit only the share *strength* is taken, at least one."""
    count = request.steps or default
    if request.quality == "hd" and request.steps is None:
        count = min(MAX_STEPS, math.ceil(count * HD_FACTOR))
    return max(count, math.ceil(1 / strength)) if strength else count


def guidance(request: ImageRequest, default: float | None, pipe: Any) -> float | None:
    """Return how closely to follow the prompt, *default* where nothing else is asked; None = as the pipeline does by itself."""
    if request.guidance is not None:
        return request.guidance
    if not request.prompt:
        return 1.0  # there is nothing to follow, and guidance would cost twice the time
    if request.style == "natural":
        own = inspect.signature(pipe.__call__).parameters.get("guidance_scale")
        usual = default if default is not None else getattr(own, "default", None)
        return min(float(usual), NATURAL_GUIDANCE) if isinstance(usual, int | float) else None
    return default
