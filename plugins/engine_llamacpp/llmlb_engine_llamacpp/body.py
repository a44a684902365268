"""Writes a request down as the body that llama.cpp's completion endpoint takes."""

from __future__ import annotations

import msgspec

from llmlb_core import Sampling, TextRequest

_MASK = 0xFFFF_FFFF
_RANDOM_SEED = 0xFFFF_FFFF
_GOLDEN = 0x9E37_79B9


def completion_body(
    request: TextRequest, prompt: str | list[int] | dict[str, object], schema: object, default_seed: int | None
) -> bytes:
    """Return the JSON body for *request*, whose prompt and JSON schema (None for free text) were made ready.

    What the request leaves open is left out, so that the model's own recommendation or llama.cpp's default holds. Stop strings are
    left out too: the harness enforces them, and llama.cpp would hold text back and so shift it between tokens.
    """
    sampling = request.sampling
    seed = sampling.seed if sampling.seed is not None else default_seed
    body: dict[str, object] = {
        "prompt": prompt,
        "n_predict": -1 if sampling.max_tokens is None else sampling.max_tokens,
        "stream": True,
        "timings_per_token": True,
        # Events while the prompt is read are the only chance to stop llama.cpp there.
        "return_progress": True,
        # Reusing a cached prompt changes the shape of the computation and with it the last bits of every logit.
        "cache_prompt": seed is None,
    }
    body |= _sampling(sampling)
    if seed is not None:
        body["seed"] = sequence_seed(seed, request.sequence)
    if request.top_logprobs is not None:
        body["n_probs"] = max(1, request.top_logprobs)
        body["post_sampling_probs"] = False
    if schema is not None:
        body["json_schema"] = schema
    return msgspec.json.encode(body)


def sequence_seed(seed: int, sequence: int) -> int:
    """Return llama.cpp's 32-bit seed for one of the sequences of a call; sequence 0 keeps the call's own."""
    mixed = (seed + _GOLDEN * sequence) & _MASK
    return mixed if mixed != _RANDOM_SEED else _RANDOM_SEED - 1


def _sampling(sampling: Sampling) -> dict[str, object]:
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": list(sampling.logit_bias) or None,
    }
    return {name: value for name, value in given.items() if value is not None}
