"""A diffusers pipeline of random weights: Stable Diffusion in all but size (400 KB), for tests of what draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["write_tiny_pipeline"]


def write_tiny_pipeline(directory: Path, seed: int = 0, channels: int = 4) -> Path:
    """Write the pipeline into *directory*, which draws 32x32 pixels, and return the path of its ``model_index.json``.

    Latents have *channels*: 4 as Stable Diffusion's, another number for models whose pixels are their latents.
    Needs torch, diffusers and transformers, which are imported here only.
    """
    import diffusers
    import torch

    torch.manual_seed(seed)
    library: Any = diffusers
    pipe = library.StableDiffusionPipeline(
        vae=_autoencoder(library, channels),
        text_encoder=_text_encoder(),
        tokenizer=_tokenizer(directory),
        unet=library.UNet2DConditionModel(
            sample_size=16,
            in_channels=channels,
            out_channels=channels,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
        ),
        scheduler=library.DDIMScheduler(
            beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(directory)
    return directory / "model_index.json"


def _autoencoder(library: Any, channels: int) -> Any:
    return library.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=32,
    )


def _text_encoder() -> Any:
    import transformers

    library: Any = transformers
    return library.CLIPTextModel(
        library.CLIPTextConfig(
            hidden_size=16,
            intermediate_size=16,
            num_attention_heads=2,
            num_hidden_layers=1,
            vocab_size=len(_vocabulary()),
            max_position_embeddings=32,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def _tokenizer(directory: Path) -> Any:
    """A tokenizer that knows letters only: a token each."""
    import transformers

    library: Any = transformers
    folder = directory / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(_vocabulary()))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return library.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=32)


def _vocabulary() -> dict[str, int]:
    """The 256 letters that CLIP writes bytes as, each within a word and at its end, and the two marks of a text."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters = [chr(byte) for byte in plain] + [chr(256 + number) for number in range(256 - len(plain))]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return {word: number for number, word in enumerate(words)}
