"""The parts that make pictures: the U-Net, its noise schedule, and an autoencoder that changes nothing."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from reader import WIDTH
from scenes import SIDE

_diffusers: Any = importlib.import_module("diffusers")  # it has types for a part of itself only
LATENTS = 4
"""Red, green, blue, and one that is ignored: the pipeline for masked edits insists on four."""
_SHRINK = 0.05
_CHANNELS = 8


def make_painter(channels: int = 3) -> Any:
    """Return the U-Net, untrained: 2.5 million parameters on 32x32 pixels."""
    return _diffusers.UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(32, 64, 96),
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def widen(painter: Any) -> Any:
    """Return the same U-Net on ``LATENTS`` channels: it sees and changes the first three as before, and nothing of the fourth."""
    wide = make_painter(LATENTS)
    states = painter.state_dict()
    for name, dimension in (("conv_in.weight", 1), ("conv_out.weight", 0), ("conv_out.bias", 0)):
        more = list(states[name].shape)
        more[dimension] = LATENTS - more[dimension]
        states[name] = torch.cat([states[name], torch.zeros(more)], dimension)
    wide.load_state_dict(states)
    return wide


def make_schedule() -> Any:
    """Return the noise schedule; it ends in pure noise, so that backgrounds can take any colour."""
    return _diffusers.DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def make_autoencoder() -> Any:
    """Return an ``AutoencoderTiny`` whose latents are the pixels themselves, to within a thousandth, and a fourth channel of zeros.

    Its decoder bends what it gets by ``tanh``, so the latents are made small enough to lie where that is straight,
    and ``scaling_factor`` makes them large again for the U-Net.
    """
    model = _diffusers.AutoencoderTiny(
        latent_channels=LATENTS,
        encoder_block_out_channels=(_CHANNELS,),
        decoder_block_out_channels=(_CHANNELS,),
        num_encoder_blocks=(0,),
        num_decoder_blocks=(0,),
        scaling_factor=1 / _SHRINK,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        enter, leave = model.encoder.layers[0], model.encoder.layers[-1]
        grow, finish = model.decoder.layers[0], model.decoder.layers[-1]
        for channel in range(3):
            enter.weight[channel, channel, 1, 1] = 1  # [0, 1] in
            leave.weight[channel, channel, 1, 1] = 2 * _SHRINK  # [-1, 1], shrunken
            grow.weight[channel, channel, 1, 1] = 0.5 / _SHRINK  # [0, 1], which the ReLU lets through
            finish.weight[channel, channel, 1, 1] = 1
        leave.bias[:3] = -_SHRINK
        grow.bias[:3] = 0.5
    return model
