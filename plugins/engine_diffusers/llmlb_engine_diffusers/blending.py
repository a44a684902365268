"""Edits within a mask, for models whose pipeline for that takes other latents: what is masked is put back at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

INPAINTED_CHANNELS = (4, 9)
"""What diffusers' pipelines of a U-Net for masked edits take."""


def needs_blending(pipe: Any) -> bool:
    """Say whether masked edits of this model are drawn by its pipeline for whole ones."""
    channels = getattr(getattr(getattr(pipe, "unet", None), "config", None), "in_channels", None)
    return channels is not None and channels not in INPAINTED_CHANNELS


class Blending:
    """One picture that is drawn anew within a mask, from noise, beside what surrounds it."""

    def __init__(self, pipe: Any, source: Image, mask: Image, seed: int) -> None:
        """Keep of *source* what *mask* (255 = may change) covers with 0; both have the size that is drawn."""
        import torch

        vae = pipe.vae
        pixels = pipe.image_processor.preprocess(source).to(device=vae.device, dtype=vae.dtype)
        encoded = vae.encode(pixels)
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        self._original = (latents - shift) * vae.config.scaling_factor
        height, width = latents.shape[-2:]
        small = bytearray(mask.resize((width, height)).tobytes())
        self._mask = (torch.frombuffer(small, dtype=torch.uint8).reshape(1, 1, height, width) > 127).to(vae.device)
        noise = torch.randn(self._original.shape, generator=torch.Generator("cpu").manual_seed(seed))
        self._noise = noise.to(device=vae.device, dtype=self._original.dtype)

    def __call__(self, pipe: Any, step: int, latents: Any) -> Any:
        """Return *latents* after *step*, from 0, with the surroundings as they are at the next step."""
        import torch

        timesteps = pipe.scheduler.timesteps
        around = self._original
        if step + 1 < len(timesteps):
            around = pipe.scheduler.add_noise(around, self._noise, timesteps[step + 1 : step + 2])
        return torch.where(self._mask, latents, around.to(latents.dtype))
